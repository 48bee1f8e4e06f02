import { setTimeout as sleep } from "node:timers/promises";
import { openProducer } from "@rollcall/jobs";
import { createRandom, drawBetween, type Random } from "../stage/random.ts";
import { drawSyncJob, nameLane } from "./draw-sync-job.ts";
import { openJournalWriter } from "./journal.ts";
import { type ProcessPlan, processPlan, producerCount } from "./plan.ts";
import { connectDeadlineMs, openBackend, queueSyncJob } from "./queues.ts";

/** Concurrent adds of a process. Every kill cuts some of them off. */
const loops = 8;

await produce(processPlan.parse(JSON.parse(process.argv[2] ?? "")));

/** Adds sync jobs until SIGTERM. Then finishes the adds under way and closes. */
async function produce(plan: ProcessPlan): Promise<void> {
  const write = openJournalWriter(plan.journal);
  const backend = openBackend(plan);
  const queues = { ensure: openProducer(backend, "ensure"), sync: openProducer(backend, "sync") };
  const random = createRandom(plan.processSeed);
  const stopping = new AbortController();
  process.on("SIGTERM", () => stopping.abort());
  // The stress run ends with its main process.
  process.once("disconnect", () => process.exit(1));
  let count = 0;

  const addOne = async () => {
    const next = drawSyncJob(plan, random);
    count += 1;
    const syncJob = `${plan.name}.${count}`;
    write({ at: "issued", syncJob, lane: nameLane(next) });
    try {
      await queueSyncJob(plan, queues[next.queue], next);
      write({ at: "accepted", syncJob });
    } catch {
      // Refused, or not answered in time. The producer accepted nothing.
    }
  };
  const addMany = async () => {
    while (!stopping.signal.aborted) {
      await addOne();
      await sleep(drawPauseMs(plan, random));
    }
  };
  await Promise.all(Object.values(queues).map((queue) => queue.connected(connectDeadlineMs)));
  process.send?.("ready");
  await Promise.all(Array.from({ length: loops }, addMany));
  await Promise.all(Object.values(queues).map((queue) => queue.close()));
  await backend.close();
  process.exit(0);
}

function drawPauseMs(plan: ProcessPlan, random: Random): number {
  const meanMs = (producerCount * loops * 1_000) / plan.addsPerSecond;
  return drawBetween(random, 0, 2 * meanMs);
}
