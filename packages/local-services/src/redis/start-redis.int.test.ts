import { readdir, stat } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { PortBusyError } from "../free-port.ts";
import { isAlive } from "../postgres/process-identity.ts";
import { makeScratch } from "../postgres/testing.ts";
import { askRedisPid } from "./ask-redis.ts";
import { findRedisServer } from "./find-redis-server.ts";
import { type RedisServer, startRedis } from "./start-redis.ts";

// The environment's PATH is not used: tests/services.ts alone decides what a missing Redis means.
const binary = findRedisServer("/usr/bin:/usr/local/bin:/opt/homebrew/bin") ?? "";

let folder: string;
let clear: () => Promise<void>;
let running: RedisServer[];

beforeEach(async () => {
  running = [];
  ({ folder, clear } = await makeScratch());
});
afterEach(async () => {
  for (const server of running) await server.stop();
  await clear();
});

async function start(options: Omit<Parameters<typeof startRedis>[0], "binary">): Promise<RedisServer> {
  const server = await startRedis({ binary, ...options });
  running.push(server);
  return server;
}

/** The answer to one inline command. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port }, () => socket.write(`${command}\r\n`));
    socket.once("error", reject);
    socket.once("data", (bytes) => {
      socket.destroy();
      resolve(String(bytes));
    });
  });
}

describe.skipIf(binary === "")(`a private Redis${binary === "" ? " (skipped: no redis-server)" : ""}`, () => {
  test("answers once it is started, evicts nothing, listens on loopback; stop() leaves no file and no process", async () => {
    const server = await start({});
    expect(server.url).toBe(`redis://127.0.0.1:${server.port}`);
    expect(await askRedisPid(server.port)).toBe(server.pid);
    expect(await ask(server.port, "CONFIG GET maxmemory-policy")).toContain("noeviction");
    expect(await ask(server.port, "CONFIG GET bind")).toContain("127.0.0.1");
    await server.stop();
    await server.stop();
    expect(isAlive(server.pid)).toBe(false);
    await expect(stat(server.dir)).rejects.toThrow("ENOENT");
  });

  test("starts again on the same port and folder with its appended data", async () => {
    const dir = join(folder, "redis");
    const first = await start({ dir, settings: { appendonly: "yes" } });
    expect(await ask(first.port, "SET kept 1")).toBe("+OK\r\n");
    await first.stop();
    const second = await start({ dir, port: first.port, settings: { appendonly: "yes" } });
    expect(second.url).toBe(first.url);
    expect(await ask(second.port, "GET kept")).toContain("1");
    await second.stop();
    expect(await readdir(dir)).toContain("redis.log");
  });

  test("throws PortBusyError for a port that is taken", async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    const address = holder.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await expect(start({ port })).rejects.toThrow(PortBusyError);
    await new Promise((resolve) => holder.close(resolve));
  });

  test("fails with the log's last lines when Redis refuses a setting, and with the reason when the program is missing", async () => {
    const dir = join(folder, "redis");
    const failure = start({ dir, settings: { "maxmemory-policy": "whatever" } });
    await expect(failure).rejects.toThrow(/maxmemory-policy/);
    await expect(failure).rejects.toThrow(join(dir, "redis.log"));
    await expect(startRedis({ binary: join(folder, "none"), dir })).rejects.toThrow("ENOENT");
  });
});
