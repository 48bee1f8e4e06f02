import { connect, type Socket } from "node:net";

export type LoadOptions = {
  url: string;
  /** Whole HTTP/1.1 requests, made beforehand. Each is sent once. */
  requests: readonly Buffer[];
  connections: number;
  expectedStatus?: number;
  /** Each connection comes from this one of 127/8 on: a limit for each address must not be what is measured. */
  firstAddress?: number;
};

const answerTimeoutMs = 10_000;

/**
 * Sends requests as fast as answers come, each connection one at a time. Does as little as it can: client and
 * server share the machine.
 *
 * @returns how long each answer took, in milliseconds
 * @throws Error at the first answer with another status
 */
export async function sendRequests(options: LoadOptions): Promise<number[]> {
  const { requests, connections } = options;
  const latenciesMs: number[] = [];
  let next = 0;
  const workThrough = async (index: number) => {
    const exchange = await openConnection(options, index);
    try {
      for (let request = requests[next++]; request; request = requests[next++]) {
        const sentAtMs = performance.now();
        await exchange.send(request);
        latenciesMs.push(performance.now() - sentAtMs);
      }
    } finally {
      exchange.close();
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, index) => workThrough(index)));
  return latenciesMs;
}

type Connection = { send(request: Buffer): Promise<void>; close(): void };

async function openConnection(
  { url, expectedStatus = 200, firstAddress }: LoadOptions,
  index: number,
): Promise<Connection> {
  const { hostname, port } = new URL(url);
  const from = firstAddress === undefined ? {} : { localAddress: addressOf(firstAddress + index) };
  const socket = connect({ host: hostname, port: Number(port), noDelay: true, ...from });
  socket.setTimeout(answerTimeoutMs, () => socket.destroy(new Error(`${url} did not answer`)));
  await connected(socket);
  let settle: { resolve(): void; reject(error: Error): void } | undefined;
  let received = "";
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
    if (!isWhole(received)) return;
    const answer = received;
    received = "";
    const status = Number(answer.slice(9, 12));
    if (status === expectedStatus) settle?.resolve();
    else settle?.reject(new Error(`${url} answered ${answer.slice(0, 600)}`));
  });
  socket.on("error", (error) => settle?.reject(error));
  socket.on("close", () => settle?.reject(new Error(`${url} closed the connection`)));
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        settle = { resolve, reject };
        socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}

function addressOf(number: number): string {
  return `127.0.${1 + Math.floor(number / 250)}.${1 + (number % 250)}`;
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
}

/** Answers carry their length, as Fastify's do. */
function isWhole(answer: string): boolean {
  const head = answer.indexOf("\r\n\r\n");
  if (head < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(answer)?.[1];
  return answer.length >= head + 4 + Number(length ?? 0);
}

/** A request as bytes. */
export function encodeRequest(path: string, headers: Readonly<Record<string, string>>, body = ""): Buffer {
  const lines = Object.entries({
    host: "127.0.0.1",
    ...headers,
    "content-length": String(Buffer.byteLength(body)),
  });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n${body}`);
}
