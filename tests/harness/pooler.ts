import { once } from "node:events";
import net from "node:net";

export type PoolerOptions = {
  /** Further connections are refused, as by Supabase's pooler in session mode. */
  most?: number;
  /** Reads the endpoint's name from the startup options and removes it, as Neon's proxy does. */
  takesEndpoint?: boolean;
};

export type Pooler = {
  /** `url`, by way of the pooler. */
  pooled(url: string): string;
  /** The most connections that were open at once. */
  peak(): number;
  refusals(): number;
  /** The startup options of each connection so far, without the endpoint. */
  options(): readonly string[];
  /** The endpoints that were named. */
  endpoints(): readonly string[];
  close(): Promise<void>;
};

export const refusal =
  "MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited";

/** A session pooler before the Postgres at `port`: each client keeps a server connection for as long as it stays. */
export async function startPooler(
  port: number,
  { most = Number.POSITIVE_INFINITY, takesEndpoint = false }: PoolerOptions = {},
): Promise<Pooler> {
  const open = new Set<net.Socket>();
  const seen = { peak: 0, refusals: 0, options: [] as string[], endpoints: [] as string[] };

  const server = net.createServer({ noDelay: true }, (near) => {
    near.on("error", () => undefined);
    near.once("data", (first) => {
      if (open.size >= most) {
        seen.refusals += 1;
        near.end(fatal("XX000", refusal));
        return;
      }
      open.add(near);
      seen.peak = Math.max(seen.peak, open.size);
      const far = net.connect({ port, host: "127.0.0.1", noDelay: true });
      far.write(writeStartup(readOptions(first)));
      near.pipe(far).pipe(near);
      far.on("error", () => undefined);
      far.on("close", () => near.destroy());
      near.on("close", () => {
        open.delete(near);
        far.destroy();
      });
    });
  });

  function readOptions(first: Buffer): Map<string, string> {
    const parameters = readStartup(first);
    const words = (parameters.get("options") ?? "").split(" ");
    const endpoints = words.filter((word) => takesEndpoint && word.startsWith("endpoint="));
    const options = words.filter((word) => !endpoints.includes(word)).join(" ");
    seen.endpoints.push(...endpoints.map((word) => word.slice("endpoint=".length)));
    seen.options.push(options);
    if (parameters.has("options")) parameters.set("options", options);
    return parameters;
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The pooler has no port");
  return {
    pooled: (url) => {
      const through = new URL(url);
      through.hostname = "127.0.0.1";
      through.port = String(address.port);
      return through.href;
    },
    peak: () => seen.peak,
    refusals: () => seen.refusals,
    options: () => seen.options,
    endpoints: () => seen.endpoints,
    close: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const protocolVersion = 196_608;

/** The parameters of a startup message, which `pg` sends in one piece. */
function readStartup(message: Buffer): Map<string, string> {
  if (message.readInt32BE(4) !== protocolVersion) throw new Error("Not a startup message");
  const words = message.subarray(8).toString().split("\0");
  const pairs = new Map<string, string>();
  for (let index = 0; words[index]; index += 2) pairs.set(words[index] ?? "", words[index + 1] ?? "");
  return pairs;
}

function writeStartup(parameters: ReadonlyMap<string, string>): Buffer {
  const text = [...parameters].map(([name, value]) => `${name}\0${value}\0`).join("");
  const body = Buffer.from(`${text}\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + head.length, 0);
  head.writeInt32BE(protocolVersion, 4);
  return Buffer.concat([head, body]);
}

function fatal(code: string, text: string): Buffer {
  const body = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${text}\0\0`);
  const head = Buffer.alloc(5);
  head.write("E", "latin1");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
