import { startCrew } from "./crew.ts";
import { type Addressed, nameLane, readLane } from "./crowd.ts";
import { findLostJobs } from "./find-lost-jobs.ts";
import { type JournalReader, openJournalWriter } from "./journal.ts";
import { type StressPlan, workerCount } from "./plan.ts";
import { queueSyncJob } from "./queue-job.ts";
import { type SyncQueues, untilIdle } from "./queue-state.ts";

/** Adds under way at once. */
const width = 50;

/**
 * SyncJobs everybody once more, in all lanes that were ever added, with workers that have no mishaps. A dedup
 * key without a job would swallow such a sync job; a kept job under the same id would stand in for it.
 */
export async function addForEveryUser(plan: StressPlan, reader: JournalReader, queues: SyncQueues) {
  const before = reader.entries.length;
  const lanes = new Set(reader.entries.flatMap((entry) => (entry.at === "issued" ? [entry.lane] : [])));
  const crew = startCrew("worker", workerCount, { ...plan, mishaps: false });
  try {
    await addAll(plan, queues, [...lanes].map(readLane));
    const stuck = await untilIdle(queues, () => {
      reader.read();
      return reader.entries.length;
    });
    await crew.end();
    reader.read();
    const { lost } = findLostJobs(reader.entries.slice(before), new Set());
    const faults = [
      ...stuck.map((open) => `stuck at the end: ${open}`),
      ...lost.map((syncJob) => `not reached any more: ${syncJob}`),
      ...crew.surprises,
    ];
    return { lanes: lanes.size, faults };
  } finally {
    await crew.end();
  }
}

async function addAll(plan: StressPlan, queues: SyncQueues, addressed: Addressed[]): Promise<void> {
  const write = openJournalWriter(plan.journal);
  const rest = addressed.entries();
  const addNext = async () => {
    for (const [index, next] of rest) {
      const syncJob = `again.${index}`;
      write({ at: "issued", syncJob, lane: nameLane(next) });
      await queueSyncJob(plan, queues[next.queue], next);
      write({ at: "accepted", syncJob });
    }
  };
  await Promise.all(Array.from({ length: width }, addNext));
}
