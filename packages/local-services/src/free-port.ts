import { createServer } from "node:net";

/** Another program holds the port. `code` is the one that Node uses, so callers can treat both alike. */
export class PortBusyError extends Error {
  readonly code = "EADDRINUSE";
  readonly port: number;

  constructor(port: number) {
    super(`Port ${port} on 127.0.0.1 is in use by another program.`);
    this.name = "PortBusyError";
    this.port = port;
  }
}

/** Below the ports that systems give to outgoing connections, which begin at 32768 or later. */
const firstPort = 12_000;
const portCount = 19_000;
const maxAttempts = 50;

/** A process takes the ports of its block in turns, beginning anywhere, and others only if these are in use. */
const blockSize = 64;
const block = process.pid % Math.floor(portCount / blockSize);
let turn = Math.floor(Math.random() * blockSize);

/**
 * A TCP port that was free on 127.0.0.1 a moment ago. It is not reserved, but no outgoing connection takes it, and other
 * processes look for theirs elsewhere. So a server still finds it free when it starts, or starts again.
 *
 * @throws PortBusyError when no port was free
 */
export async function findFreePort(): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const place = attempt <= maxAttempts / 2 ? nextInBlock() : Math.floor(Math.random() * portCount);
    const port = firstPort + place;
    try {
      await bindOnce(port);
      return port;
    } catch (error) {
      if (!(error instanceof PortBusyError) || attempt === maxAttempts) throw error;
    }
  }
}

function nextInBlock(): number {
  turn = (turn + 1) % blockSize;
  return block * blockSize + turn;
}

/** Throws PortBusyError when `port` cannot be bound on 127.0.0.1. */
export async function assertPortFree(port: number): Promise<void> {
  await bindOnce(port);
}

function bindOnce(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? new PortBusyError(port) : error),
    );
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve()));
  });
}
