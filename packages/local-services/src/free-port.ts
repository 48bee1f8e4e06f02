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

/** A TCP port that was free on 127.0.0.1 a moment ago. It is not reserved: another program may bind it first. */
export async function findFreePort(): Promise<number> {
  return bindOnce(0);
}

/** Throws PortBusyError when `port` cannot be bound on 127.0.0.1. */
export async function assertPortFree(port: number): Promise<void> {
  await bindOnce(port);
}

function bindOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? new PortBusyError(port) : error),
    );
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === "object" && address !== null ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}
