import { moveFailedJobs, type Producer, type StoredDeadLetter } from "@rollcall/jobs";
import { recordNewDeadLetters, replayDeadLetters } from "@rollcall/sync";
import { z } from "zod";
import { openStage } from "./stage.ts";
import { countSteps, withSteps } from "./steps.ts";

const plan = z
  .object({
    databaseUrl: z.string(),
    redisUrl: z.string().optional(),
    task: z.enum(["move", "replay"]),
    dieAt: z.number(),
  })
  .parse(JSON.parse(process.argv[2] ?? ""));

const stage = openStage({ databaseUrl: plan.databaseUrl, redisUrl: plan.redisUrl });
const steps = countSteps(plan.dieAt);
const deadlineMs = 10_000;

/** The producer, with steps around each removal from its queue. */
function removingWithSteps(producer: Producer): Producer {
  return {
    ...producer,
    connected: async (ms) => withSteps(await producer.connected(ms), "remove", steps),
  };
}

async function move(): Promise<void> {
  const source = await stage.sync.connected(deadlineMs);
  const failed = await source.getFailed(0, 99);
  // The queue is BullMQ's own. Only the jobs that it returns are wrapped.
  const watched = new Proxy(source, {
    get: (queue, key) =>
      key === "getFailed"
        ? async () => failed.map((job) => withSteps(job, "remove", steps))
        : Reflect.get(queue, key, queue),
  });
  const record = (letters: readonly StoredDeadLetter[]) => recordNewDeadLetters(stage.pool, letters);
  await moveFailedJobs(watched, withSteps(stage.deadLetters, "add", steps), record, deadlineMs);
}

async function replay(): Promise<void> {
  const producers = {
    ensure: withSteps(stage.ensure, "add", steps),
    sync: withSteps(stage.sync, "add", steps),
    "dead-letter": removingWithSteps(stage.deadLetters),
  };
  const pool = withSteps(stage.pool, "query", steps);
  await replayDeadLetters({ pool, producers }, { all: true }, "test");
}

await (plan.task === "move" ? move() : replay());
await stage.close();
