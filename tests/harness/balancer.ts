import { once } from "node:events";
import net from "node:net";

export type Balancer = {
  url: string;
  /** Sends new connections to these ports in turn from now on. Open connections stay where they are. */
  use(ports: readonly number[]): void;
  /** Resolves when no connection to the port is open any more. */
  drained(port: number): Promise<void>;
  close(): Promise<void>;
};

/** Starts a load balancer of TCP connections. It closes a connection at once while it has no target. */
export async function startBalancer(): Promise<Balancer> {
  let targets: readonly number[] = [];
  let turn = 0;
  const pairs = new Map<net.Socket, { far: net.Socket; port: number }>();
  const server = net.createServer({ noDelay: true }, (near) => {
    const port = targets[turn++ % targets.length];
    if (port === undefined) return near.destroy();
    const far = net.connect({ port, host: "127.0.0.1", noDelay: true });
    pairs.set(near, { far, port });
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      socket.on("error", () => undefined);
      socket.on("close", () => {
        near.destroy();
        far.destroy();
        pairs.delete(near);
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The balancer has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    use: (ports) => {
      targets = ports;
    },
    drained: async (port) => {
      const open = [...pairs.values()].filter((pair) => pair.port === port);
      await Promise.all(open.map(({ far }) => once(far, "close")));
    },
    close: async () => {
      for (const [near, { far }] of pairs) {
        near.destroy();
        far.destroy();
      }
      server.close();
      await once(server, "close");
    },
  };
}
