import { setTimeout as sleep } from "node:timers/promises";
import { openProducer } from "@rollcall/jobs";
import { connectDeadlineMs, openBackend } from "./connect.ts";
import { drawSyncJob, nameLane } from "./crowd.ts";
import { openJournalWriter } from "./journal.ts";
import { type ProcessPlan, processPlan, producerCount } from "./plan.ts";
import { queueSyncJob } from "./queue-job.ts";
import { createRandom, drawBetween, type Random } from "./random.ts";

/** Adds under way at once in a process, so that some are cut off by every kill. */
const loops = 8;

await produce(processPlan.parse(JSON.parse(process.argv[2] ?? "")));

/** Adds sync jobs until SIGTERM; then finishes those under way and closes. */
async function produce(plan: ProcessPlan): Promise<void> {
  const write = openJournalWriter(plan.journal);
  const backend = openBackend(plan);
  const queues = { ensure: openProducer(backend, "ensure"), sync: openProducer(backend, "sync") };
  const random = createRandom(plan.processSeed);
  const stopping = new AbortController();
  process.on("SIGTERM", () => stopping.abort());
  // The run is over when the process that leads it is gone.
  process.once("disconnect", () => process.exit(1));
  let count = 0;

  const addOne = async () => {
    const addressed = drawSyncJob(plan, random);
    count += 1;
    const syncJob = `${plan.name}.${count}`;
    write({ at: "issued", syncJob, lane: nameLane(addressed) });
    try {
      await queueSyncJob(plan, queues[addressed.queue], addressed);
      write({ at: "accepted", syncJob });
    } catch {
      // Refused, or not answered in time: nobody was promised anything.
    }
  };
  const addMany = async () => {
    while (!stopping.signal.aborted) {
      await addOne();
      await sleep(drawPauseMs(plan, random));
    }
  };
  await Promise.all(Object.values(queues).map((queue) => queue.connected(connectDeadlineMs)));
  process.send?.("at work");
  await Promise.all(Array.from({ length: loops }, addMany));
  await Promise.all(Object.values(queues).map((queue) => queue.close()));
  await backend.close();
  process.exit(0);
}

function drawPauseMs(plan: ProcessPlan, random: Random): number {
  const meanMs = (producerCount * loops * 1_000) / plan.addsPerSecond;
  return drawBetween(random, 0, 2 * meanMs);
}
