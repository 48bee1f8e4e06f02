import { startCrew } from "./crew.ts";
import { type Addressed, nameLane, readLane } from "./crowd.ts";
import { findLostNudges } from "./find-lost-nudges.ts";
import { type JournalReader, openJournalWriter } from "./journal.ts";
import { type StressPlan, workerCount } from "./plan.ts";
import { queueNudge } from "./queue-nudge.ts";
import { type NudgeQueues, untilIdle } from "./queue-state.ts";

/** Adds under way at once. */
const width = 50;

/**
 * Nudges everybody once more, in all lanes that were ever nudged, with workers that have no mishaps. A dedup
 * key without a job would swallow such a nudge; a kept job under the same id would stand in for it.
 */
export async function nudgeEverybody(plan: StressPlan, reader: JournalReader, queues: NudgeQueues) {
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
    const { lost } = findLostNudges(reader.entries.slice(before), new Set());
    const faults = [
      ...stuck.map((open) => `stuck at the end: ${open}`),
      ...lost.map((nudge) => `not reached any more: ${nudge}`),
      ...crew.surprises,
    ];
    return { lanes: lanes.size, faults };
  } finally {
    await crew.end();
  }
}

async function addAll(plan: StressPlan, queues: NudgeQueues, addressed: Addressed[]): Promise<void> {
  const write = openJournalWriter(plan.journal);
  const rest = addressed.entries();
  const addNext = async () => {
    for (const [index, next] of rest) {
      const nudge = `again.${index}`;
      write({ at: "issued", nudge, lane: nameLane(next) });
      await queueNudge(plan, queues[next.queue], next);
      write({ at: "accepted", nudge });
    }
  };
  await Promise.all(Array.from({ length: width }, addNext));
}
