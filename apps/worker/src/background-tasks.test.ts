import type { JobQueue, Producer } from "@rollcall/jobs";
import { createLogger } from "@rollcall/observability";
import { expect, test } from "vitest";
import { moveDeadLetters } from "./background-tasks.ts";
import type { WorkerContext } from "./context.ts";

test("the dead letters of each shard are moved while the node of another one is away", async () => {
  const asked: string[] = [];
  const shardOf = (name: string, shard: number, isAway = false) => {
    const getFailed = async () => {
      asked.push(`${name} ${shard}`);
      if (isAway) throw new Error("CLUSTERDOWN");
      return [];
    };
    return { shard, queue: { name, getFailed } as unknown as JobQueue };
  };
  const context = {
    pool: {},
    producers: { "dead-letter": {} as Producer },
    log: createLogger({ level: "silent", process: "test" }),
  } as unknown as WorkerContext;
  const moved = moveDeadLetters(context, [
    { name: "ensure", current: () => [shardOf("ensure", 0), shardOf("ensure", 1, true)] },
    { name: "sync", current: () => [shardOf("sync", 0), shardOf("sync", 1, true), shardOf("sync", 2)] },
  ]);
  await expect(moved).rejects.toThrow("CLUSTERDOWN");
  expect(asked).toEqual(["ensure 0", "ensure 1", "sync 0", "sync 1", "sync 2"]);
});
