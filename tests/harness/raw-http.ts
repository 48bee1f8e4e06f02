import net from "node:net";

export type RawRequest = {
  method: string;
  /** The exact text of the request line, also text that no HTTP client would send. */
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
};

/** `status` is undefined when the server closed the connection without an answer. */
export type RawAnswer = { status: number | undefined; text: string };

const longestAnswerMs = 30_000;

/**
 * Sends a request byte for byte, on a connection of its own. Of a stream of events, which has no end, the answer is its
 * beginning.
 *
 * @throws Error when the answer never ends
 */
export function sendRaw(
  url: string,
  { method, path, headers, body }: RawRequest,
  encoding: "utf8" | "latin1" = "utf8",
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  const lines = Object.entries({ host: "127.0.0.1", connection: "close", ...length, ...headers });
  const head = [`${method} ${path} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`)];
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname);
    const chunks: Buffer[] = [];
    socket.setTimeout(longestAnswerMs, () => {
      socket.destroy();
      reject(new Error(`No answer to ${method} ${path}`));
    });
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      if (chunks.length === 1 && chunk.includes("content-type: text/event-stream")) socket.destroy();
    });
    // A server that has answered may close the connection while the request is still being sent.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      const text = Buffer.concat(chunks).toString();
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
      resolve({ status: status === undefined ? undefined : Number(status), text });
    });
    socket.write(Buffer.from(`${head.join("\r\n")}\r\n\r\n`, encoding));
    if (body !== undefined) socket.write(body);
  });
}
