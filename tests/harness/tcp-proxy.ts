import { once } from "node:events";
import net from "node:net";

export type TcpProxy = {
  port: number;
  /** Returns `url` with the proxy as its host. */
  proxied(url: string): string;
  /** Silences every open connection in both directions without closing it. New connections work. */
  blackhole(): void;
  /** Resets every open connection at both ends. New connections work. */
  reset(): void;
  /** Delays answers by up to `longestMs` from now on. Each connection has its own delay. 0 ends the delays. */
  delay(longestMs: number): void;
  /** New connections lead to another port of this machine from now on. Open ones stay where they are. */
  leadTo(port: number): void;
  /** The number of open connections, silent ones included. */
  connections(): number;
  close(): Promise<void>;
};

type Pair = { near: net.Socket; far: net.Socket; silent: boolean };

/**
 * Forwards to a port of this machine. Its black hole stands for a failed-over load balancer or an expired NAT entry.
 * Both kernels go on acknowledging, so TCP keepalive detects nothing and only a deadline can.
 *
 * @param place.host the address at which the proxy listens. place.name: the host of the URLs that lead to it
 */
export async function startTcpProxy(
  targetPort: number,
  { host = "127.0.0.1", name = host }: { host?: string; name?: string } = {},
): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  let longestDelayMs = 0;
  let target = targetPort;
  const server = net.createServer({ noDelay: true }, (near) => {
    const far = net.connect({ port: target, host: "127.0.0.1", noDelay: true });
    const pair = { near, far, silent: false };
    pairs.add(pair);
    const slowness = Math.random();
    forward(pair, near, far, (act) => act());
    forward(
      pair,
      far,
      near,
      createDelayLine(() => slowness * longestDelayMs),
    );
  });

  function forward(pair: Pair, from: net.Socket, to: net.Socket, inTurn: (act: () => void) => void): void {
    from.on("data", (chunk) => {
      inTurn(() => {
        if (!pair.silent) to.write(chunk);
      });
    });
    // When one end of a silent connection closes, the other end stays open.
    from.on("close", () => {
      if (!pair.silent) inTurn(() => to.destroy());
      if (pair.near.destroyed && pair.far.destroyed) pairs.delete(pair);
    });
    from.on("error", () => undefined);
  }

  server.listen(0, host);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The proxy has no port");
  const { port } = address;
  return {
    port,
    proxied: (url) => {
      const through = new URL(url);
      through.hostname = name;
      through.port = String(port);
      return through.href;
    },
    blackhole: () => {
      for (const pair of pairs) pair.silent = true;
    },
    reset: () => {
      for (const { near, far, silent } of pairs) {
        if (silent) continue;
        near.resetAndDestroy();
        far.resetAndDestroy();
      }
    },
    delay: (longestMs) => {
      longestDelayMs = longestMs;
    },
    leadTo: (port) => {
      target = port;
    },
    connections: () => pairs.size,
    close: async () => {
      for (const { near, far } of pairs) {
        near.destroy();
        far.destroy();
      }
      server.close();
      await once(server, "close");
    },
  };
}

/** Runs actions later and in order, also when the delay shrinks. Independent timers could run out of order. */
function createDelayLine(delayMs: () => number): (act: () => void) => void {
  const line: { act: () => void; dueAtMs: number }[] = [];
  const advance = () => {
    for (let next = line[0]; next; next = line[0]) {
      const waitMs = next.dueAtMs - Date.now();
      if (waitMs > 0) {
        setTimeout(advance, waitMs);
        return;
      }
      line.shift();
      next.act();
    }
  };
  return (act) => {
    line.push({ act, dueAtMs: Date.now() + delayMs() });
    if (line.length === 1) advance();
  };
}
