import { startRedis } from "@rollcall/local-services";
import { Redis } from "ioredis";
import { expect, inject, onTestFinished, test } from "vitest";
import { GatheringRedis } from "./gathering-redis.ts";

const redisBinary = inject("redisBinary");
const skipped = redisBinary ? "" : " (skipped: no redis-server on PATH)";

async function connect(): Promise<{ gathering: GatheringRedis; other: Redis }> {
  if (!redisBinary) throw new Error("No redis-server");
  const server = await startRedis({ binary: redisBinary });
  const [gathering, other] = [new GatheringRedis(server.url), new Redis(server.url)];
  onTestFinished(async () => {
    gathering.disconnect();
    other.disconnect();
    await server.stop();
  });
  return { gathering, other };
}

test.skipIf(!redisBinary)(
  `commands that leave together keep their own answers, in order, and a failure is of one alone${skipped}`,
  async () => {
    const { gathering } = await connect();
    await gathering.set("list", "no list");
    const asked = Array.from({ length: 500 }, (_, index) => gathering.incrby("sum", index));
    const failing = gathering.lpush("list", "one");
    const pipelined = gathering.multi().set("a", "1").get("a").exec();
    await expect(failing).rejects.toThrow("WRONGTYPE");
    let sum = 0;
    expect(await Promise.all(asked)).toEqual(asked.map((_, index) => (sum += index)));
    expect(await pipelined).toEqual([
      [null, "OK"],
      [null, "1"],
    ]);
  },
);

test.skipIf(!redisBinary)(
  `what was asked before a connection is closed still reaches Redis, and after one broke the next is used${skipped}`,
  async () => {
    const { gathering, other } = await connect();
    const id = await gathering.client("ID");
    await other.client("KILL", "ID", String(id));
    await gathering.set("after", "the break");
    expect(await other.get("after")).toBe("the break");
    const quit = gathering.set("last", "words").then(() => gathering.quit());
    await quit;
    expect(await other.get("last")).toBe("words");
    expect(gathering.stream.writableCorked).toBe(0);
  },
);
