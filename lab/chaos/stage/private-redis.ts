import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort, type RedisServer, startRedis } from "@rollcall/local-services";
import { Redis } from "ioredis";

/** A Redis that keeps every acknowledged write, and into which faults can be injected. */
export type PrivateRedis = {
  readonly url: string;
  readonly port: number;
  kill(downMs: number): Promise<void>;
  freeze(forMs: number): Promise<void>;
  /** Lowers the memory limit so that this share of it is in use. Above 1, Redis refuses every write. */
  fill(share: number, forMs: number): Promise<void>;
  stop(): Promise<void>;
};

/** A write is in the file before it is acknowledged, so a kill -9 loses nothing. */
const settings = { appendonly: "yes", appendfsync: "always" };

export async function startPrivateRedis(binary: string, dir: string): Promise<PrivateRedis> {
  const options = { binary, dir, settings, port: await findFreePort() };
  let server: RedisServer = await startRedis(options);

  async function restart(downMs: number): Promise<void> {
    process.kill(server.pid, "SIGKILL");
    await server.stop();
    await sleep(downMs);
    server = await startRedis(options);
  }

  return {
    url: server.url,
    port: server.port,
    kill: restart,
    freeze: async (forMs) => {
      const { pid } = server;
      process.kill(pid, "SIGSTOP");
      await sleep(forMs);
      process.kill(pid, "SIGCONT");
    },
    fill: async (share, forMs) => {
      const redis = new Redis(server.url, { maxRetriesPerRequest: 5 });
      redis.on("error", () => undefined);
      try {
        const used = /used_memory:(\d+)/.exec(await redis.info("memory"))?.[1];
        await redis.config("SET", "maxmemory", String(Math.floor(Number(used) / share)));
        await sleep(forMs);
        await redis.config("SET", "maxmemory", "0");
      } finally {
        redis.disconnect();
      }
    },
    stop: () => server.stop(),
  };
}
