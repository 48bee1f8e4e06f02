import { once } from "node:events";
import net from "node:net";

/**
 * A free port below the range of outgoing connections. A restarted process then finds its port still free.
 */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const port = 12_000 + Math.floor(Math.random() * 19_000);
    if (await isFree(port)) return port;
  }
  throw new Error("No free port");
}

async function isFree(port: number): Promise<boolean> {
  const server = net.createServer();
  const outcome = new Promise<boolean>((resolve) => {
    server.once("listening", () => resolve(true));
    server.once("error", () => resolve(false));
  });
  server.listen(port, "127.0.0.1");
  if (!(await outcome)) return false;
  server.close();
  await once(server, "close");
  return true;
}
