import { once } from "node:events";
import net from "node:net";

export type TcpProxy = {
  port: number;
  /** `url`, by way of the proxy. */
  proxied(url: string): string;
  /** Every connection of this moment falls silent, both ways, and is not closed. New ones work. */
  blackhole(): void;
  close(): Promise<void>;
};

type Pair = { near: net.Socket; far: net.Socket };

/**
 * Forwards to a port of this machine. Its black hole stands for a failed-over load balancer or a forgotten NAT
 * entry. Both kernels go on acknowledging, so that TCP keepalive notices nothing and only a deadline can.
 */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const live = new Set<Pair>();
  const silent = new Set<Pair>();
  const server = net.createServer((near) => {
    const far = net.connect(targetPort, "127.0.0.1");
    const pair = { near, far };
    live.add(pair);
    forward(near, far);
    forward(far, near);
  });

  function forward(from: net.Socket, to: net.Socket): void {
    const isSilent = () => [...silent].some(({ near, far }) => from === near || from === far);
    from.on("data", (chunk) => {
      if (!isSilent()) to.write(chunk);
    });
    // Whoever closes a silent connection is not heard at its other end either.
    from.on("close", () => {
      if (!isSilent()) to.destroy();
    });
    from.on("error", () => undefined);
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The proxy has no port");
  const { port } = address;
  return {
    port,
    proxied: (url) => {
      const through = new URL(url);
      through.hostname = "127.0.0.1";
      through.port = String(port);
      return through.href;
    },
    blackhole: () => {
      for (const pair of live) silent.add(pair);
      live.clear();
    },
    close: async () => {
      for (const { near, far } of [...live, ...silent]) {
        near.destroy();
        far.destroy();
      }
      server.close();
      await once(server, "close");
    },
  };
}
