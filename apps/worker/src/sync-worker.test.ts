import { expect, test } from "vitest";
import { createPause, decideConcurrency } from "./sync-worker.ts";

const redis = (count: number) => ({ kind: "redis", shards: { count } }) as const;
const postgres = { kind: "postgres", shards: { count: 1 } } as const;

test("jobs that wait for Clerk make room for others, up to a limit", () => {
  expect(decideConcurrency(redis(1), 0, 0)).toBe(200);
  expect(decideConcurrency(redis(1), 0, 300)).toBe(500);
  expect(decideConcurrency(redis(1), 0, 5_000)).toBe(1_000);
  expect(decideConcurrency(postgres, 0, 0)).toBe(100);
  expect(decideConcurrency(postgres, 0, 5_000)).toBe(400);
});

test("the shards of a queue share its room, and each keeps enough to be worked off alone", () => {
  expect(decideConcurrency(redis(3), 2, 0)).toBe(67);
  expect(decideConcurrency(redis(12), 11, 0)).toBe(50);
  expect(decideConcurrency(redis(12), 11, 5_000)).toBe(84);
});

test("a shard of an earlier QUEUE_SHARDS takes no room from the others", () => {
  expect(decideConcurrency(redis(1), 0, 0)).toBe(200);
  expect(decideConcurrency(redis(1), 3, 5_000)).toBe(50);
});

test("an outage pauses all shards, and no job waits for the pause of a shard whose node is away", async () => {
  const paused: string[] = [];
  const shardOf = (shard: number, answer?: Promise<void>) => {
    const rateLimit = async (ms: number) => {
      paused.push(`${shard} for ${ms}`);
      await answer;
    };
    return [shard, { rateLimit }] as const;
  };
  const pause = createPause(new Map([shardOf(0), shardOf(1, new Promise(() => {})), shardOf(2)]));
  await pause(0, 1_000);
  expect(paused.sort()).toEqual(["0 for 1000", "1 for 1000", "2 for 1000"]);
  await pause(0, 2_000);
  expect(paused.filter((one) => one.startsWith("1"))).toEqual(["1 for 1000"]);
});
