import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openProducer } from "@rollcall/jobs";
import type { BundledPrograms } from "../stage/bundle-programs.ts";
import { createRandom } from "../stage/random.ts";
import { nameLane, type QueuedSyncJob, readLane } from "./draw-sync-job.ts";
import { findLostJobs, type Verdict } from "./find-lost-jobs.ts";
import { type JournalEntry, type JournalReader, openJournalReader, openJournalWriter } from "./journal.ts";
import { producerCount, type StressPlan, workerCount } from "./plan.ts";
import {
  bundleGroups,
  type Fault,
  type FaultCounts,
  injectFaults,
  type ProcessGroup,
  producerFaults,
  startGroup,
  workerFaults,
} from "./process-group.ts";
import { findDeadLetters, findDedupKeys, type SyncQueues, untilIdle } from "./queue-state.ts";
import { openBackend, queueSyncJob } from "./queues.ts";

export type StressOptions = Omit<StressPlan, "journal" | "startedAtMs" | "failures"> & {
  /** The producers end after this number of accepted sync jobs. */
  adds: number;
};

export type StressReport = Verdict & {
  /** A successful run has none. */
  violations: string[];
  faultsInjected: { producers: FaultCounts; workers: FaultCounts };
  runs: Record<string, number>;
  /** Errors of workers outside job runs, without ids. */
  errors: Record<string, number>;
  deadLetters: number;
  /** The number of lanes (queue, kind and user) that got one more sync job at the end. */
  lanes: number;
};

/**
 * Several processes add sync jobs, and several others run them, while processes fail and die. Then the queues become idle.
 * At the end, no sync job may be lost, no dedup key may be left, and every user must still get a job run.
 *
 * The queues' database must be empty, and no other program may use it.
 */
export async function runStress({ adds, ...options }: StressOptions): Promise<StressReport> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-stress-"));
  const journal = join(folder, "journal");
  const plan: StressPlan = { ...options, journal, startedAtMs: Date.now(), failures: true };
  const reader = openJournalReader(journal);
  const programs = await bundleGroups();
  const backend = openBackend(plan);
  const queues = { ensure: openProducer(backend, "ensure"), sync: openProducer(backend, "sync") };
  const deadLetters = openProducer(backend, "dead-letter");
  try {
    const disturbed = await runWithFaults(plan, adds, reader, queues, programs);
    const letters = await findDeadLetters(deadLetters);
    const entries = [...reader.entries];
    const verdict = findLostJobs(entries, new Set(letters.keys()));
    const leftOver = await findDedupKeys(plan);
    const undisturbed = await addForEveryLane(plan, reader, queues, programs);
    return {
      ...verdict,
      violations: [
        ...disturbed.violations,
        ...verdict.lost.map((syncJob) => `lost: ${syncJob}`),
        ...leftOver.map((key) => `left behind: ${key}`),
        // Only a failure of the user may become a dead letter. An outage burns no attempt.
        ...[...letters]
          .filter(([, code]) => code !== "user.rejected")
          .map(([job, code]) => `${job}: ${code}`),
        ...undisturbed.violations,
      ],
      faultsInjected: disturbed.faultsInjected,
      runs: countRuns(entries),
      errors: countErrors(reader.entries),
      deadLetters: letters.size,
      lanes: undisturbed.lanes,
    };
  } finally {
    await Promise.all([queues.ensure, queues.sync, deadLetters].map((queue) => queue.close()));
    await backend.close();
    reader.close();
    await Promise.all([rm(folder, { recursive: true }), programs.remove()]);
  }
}

/** Runs producers and workers with faults, until enough sync jobs are accepted and the queues are idle again. */
async function runWithFaults(
  plan: StressPlan,
  adds: number,
  reader: JournalReader,
  queues: SyncQueues,
  programs: BundledPrograms,
) {
  const groups: Record<"producer" | "worker", ProcessGroup> = {
    producer: startGroup("producer", producerCount, plan, programs),
    worker: startGroup("worker", workerCount, plan, programs),
  };
  const stop = new AbortController();
  try {
    await Promise.all([groups.producer.ready, groups.worker.ready]);
    const inject = (role: "producer" | "worker", size: number, faults: readonly Fault[]) =>
      injectFaults(groups[role], size, faults, createRandom(plan.seed + role.length), stop.signal);
    const injecting = Promise.all([
      inject("producer", producerCount, producerFaults),
      inject("worker", workerCount, workerFaults),
    ]);
    await untilAccepted(reader, adds);
    stop.abort();
    await groups.producer.end();
    const [producers, workers] = await injecting;
    const stuck = await untilIdle(queues, () => countEntries(reader));
    await groups.worker.end();
    reader.read();
    const violations = [
      ...stuck.map((open) => `stuck: ${open}`),
      ...groups.producer.unexpectedExits,
      ...groups.worker.unexpectedExits,
    ];
    return { faultsInjected: { producers, workers }, violations };
  } finally {
    stop.abort();
    await Promise.all([groups.producer.end(), groups.worker.end()]);
  }
}

async function untilAccepted(reader: JournalReader, adds: number): Promise<void> {
  let accepted = 0;
  let seen = 0;
  while (accepted < adds) {
    await sleep(100);
    reader.read();
    accepted += reader.entries.slice(seen).filter(({ at }) => at === "accepted").length;
    seen = reader.entries.length;
  }
}

/**
 * Adds one more sync job in every lane, while nothing fails. A dedup key without a job would swallow it, and so would a
 * kept job with the same id.
 */
async function addForEveryLane(
  plan: StressPlan,
  reader: JournalReader,
  queues: SyncQueues,
  programs: BundledPrograms,
) {
  const before = reader.entries.length;
  const lanes = new Set(reader.entries.flatMap((entry) => (entry.at === "issued" ? [entry.lane] : [])));
  const workers = startGroup("worker", workerCount, { ...plan, failures: false }, programs);
  try {
    await addAll(plan, queues, [...lanes].map(readLane));
    const stuck = await untilIdle(queues, () => countEntries(reader));
    await workers.end();
    reader.read();
    const { lost } = findLostJobs(reader.entries.slice(before), new Set());
    const violations = [
      ...stuck.map((open) => `stuck at the end: ${open}`),
      ...lost.map((syncJob) => `not reached any more: ${syncJob}`),
      ...workers.unexpectedExits,
    ];
    return { lanes: lanes.size, violations };
  } finally {
    await workers.end();
  }
}

const concurrentAdds = 50;

async function addAll(plan: StressPlan, queues: SyncQueues, jobs: QueuedSyncJob[]): Promise<void> {
  const write = openJournalWriter(plan.journal);
  const rest = jobs.entries();
  const addNext = async () => {
    for (const [index, next] of rest) {
      const syncJob = `again.${index}`;
      write({ at: "issued", syncJob, lane: nameLane(next) });
      await queueSyncJob(plan, queues[next.queue], next);
      write({ at: "accepted", syncJob });
    }
  };
  await Promise.all(Array.from({ length: concurrentAdds }, addNext));
}

function countEntries(reader: JournalReader): number {
  reader.read();
  return reader.entries.length;
}

/** Job runs by their end. A started run without an end was killed. */
function countRuns(entries: readonly JournalEntry[]): Record<string, number> {
  const count = (kind: JournalEntry["at"]) => entries.filter(({ at }) => at === kind).length;
  return {
    started: count("started"),
    finished: count("finished"),
    failed: count("failed"),
    limited: count("limited"),
  };
}

function countErrors(entries: readonly JournalEntry[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const entry of entries) {
    if (entry.at !== "error") continue;
    const kind = entry.message.replace(/[0-9a-f-]{8,}|\d+/g, "*");
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
