import { connect, type Socket } from "node:net";
import { Webhook } from "svix";
import { origin, type TokenMint } from "./session-tokens.ts";
import { webhookSecret } from "./stage.ts";

export type LoadOptions = {
  url: string;
  /** Encoded HTTP/1.1 requests. Each is sent once. */
  requests: readonly Buffer[];
  connections: number;
  expectedStatus?: number;
  /** The first local address in 127/8. Each connection has its own, to stay below the limit of an address. */
  firstAddress?: number;
};

const answerTimeoutMs = 10_000;

/**
 * Sends each request after the answer to the one before, on several connections. It does as little work as possible,
 * because client and server share the machine.
 *
 * @returns the latency of each answer, in milliseconds
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

/** Fastify's answers have a content-length. */
function isWhole(answer: string): boolean {
  const head = answer.indexOf("\r\n\r\n");
  if (head < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(answer)?.[1];
  return answer.length >= head + 4 + Number(length ?? 0);
}

/** Encodes an HTTP/1.1 request. */
function encodeRequest(path: string, headers: Readonly<Record<string, string>>, body = ""): Buffer {
  const lines = Object.entries({
    host: "127.0.0.1",
    ...headers,
    "content-length": String(Buffer.byteLength(body)),
  });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n${body}`);
}

export type DeliveryMint = {
  /** Signed deliveries, each about a new user, as requests to `path`. */
  mint(path: string, count: number): Buffer[];
};

/** @param user a user from Clerk's API; each delivery holds its fields */
export function createDeliveryMint(user: { readonly id: string }): DeliveryMint {
  const webhook = new Webhook(webhookSecret);
  const [before = "", after = ""] = JSON.stringify({
    data: { ...user, id: "@id" },
    event_attributes: { http_request: { client_ip: "127.0.0.1", user_agent: "Mozilla/5.0" } },
    instance_id: "ins_2bench",
    object: "event",
    timestamp: Date.now(),
    type: "user.created",
  }).split("@id");
  let minted = 0;
  return {
    mint: (path, count) =>
      Array.from({ length: count }, () => {
        minted += 1;
        const number = String(minted).padStart(10, "0");
        const id = `msg_2bench${number}`;
        const body = `${before}user_2bench${number}${after}`;
        const at = new Date();
        return encodeRequest(
          path,
          {
            "content-type": "application/json",
            accept: "*/*",
            "user-agent": "Svix-Webhooks/1.68.0",
            "svix-id": id,
            "svix-timestamp": String(Math.floor(at.getTime() / 1_000)),
            "svix-signature": webhook.sign(id, at, body),
          },
          body,
        );
      }),
  };
}

/** Encodes an ensure call of a browser for each user. */
export function encodeEnsureCalls(
  path: string,
  tokens: TokenMint,
  clerkIds: readonly string[],
): Promise<Buffer[]> {
  return Promise.all(
    clerkIds.map(async (clerkId) =>
      encodeRequest(path, {
        authorization: `Bearer ${await tokens.mint(clerkId)}`,
        origin,
        accept: "*/*",
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64)",
      }),
    ),
  );
}
