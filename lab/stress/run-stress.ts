import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openProducer } from "@rollcall/jobs";
import { addForEveryUser } from "./add-for-every-user.ts";
import { openBackend } from "./connect.ts";
import { type Crew, type Fault, startCrew } from "./crew.ts";
import { disturbCrew, type FaultCounts, producerFaults, workerFaults } from "./disturb-crews.ts";
import { findLostJobs, type Verdict } from "./find-lost-jobs.ts";
import { type JournalEntry, type JournalReader, openJournalReader } from "./journal.ts";
import { producerCount, type StressPlan, workerCount } from "./plan.ts";
import { findDeadLetters, findDedupKeys, type SyncQueues, untilIdle } from "./queue-state.ts";
import { createRandom } from "./random.ts";

export type StressOptions = Omit<StressPlan, "journal" | "startedAtMs" | "mishaps"> & {
  /** Accepted sync jobs after which the producers end. */
  adds: number;
};

export type StressReport = Verdict & {
  /** What must not be: the run is good when this is empty. */
  violations: string[];
  faultsInjected: { producers: FaultCounts; workers: FaultCounts };
  runs: Record<string, number>;
  /** What workers met outside runs, with ids left out. */
  errors: Record<string, number>;
  deadLetters: number;
  /** Lanes (queue, kind and user) that were added once more at the end. */
  lanes: number;
};

/**
 * SyncJobs users from several processes while several others work, fail and die; lets everything come to rest;
 * and looks whether a sync job was lost, a dedup key stayed behind, or a user cannot be reached any more.
 *
 * The queues' database must be empty and nobody else's.
 */
export async function runStress({ adds, ...options }: StressOptions): Promise<StressReport> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-stress-"));
  const journal = join(folder, "journal");
  const plan: StressPlan = { ...options, journal, startedAtMs: Date.now(), mishaps: true };
  const reader = openJournalReader(journal);
  const backend = openBackend(plan);
  const queues = { ensure: openProducer(backend, "ensure"), sync: openProducer(backend, "sync") };
  const deadLetters = openProducer(backend, "dead-letter");
  try {
    const storm = await weatherStorm(plan, adds, reader, queues);
    const letters = await findDeadLetters(deadLetters);
    const entries = [...reader.entries];
    const verdict = findLostJobs(entries, new Set(letters.keys()));
    const leftOver = await findDedupKeys(plan);
    const calm = await addForEveryUser(plan, reader, queues);
    return {
      ...verdict,
      violations: [
        ...storm.faults,
        ...verdict.lost.map((syncJob) => `lost: ${syncJob}`),
        ...leftOver.map((key) => `left behind: ${key}`),
        // Only a failure of the user alone may end there; an outage burns no attempt.
        ...[...letters]
          .filter(([, code]) => code !== "user.rejected")
          .map(([job, code]) => `${job}: ${code}`),
        ...calm.faults,
      ],
      faultsInjected: storm.faultsInjected,
      runs: countRuns(entries),
      errors: countErrors(reader.entries),
      deadLetters: letters.size,
      lanes: calm.lanes,
    };
  } finally {
    await Promise.all([queues.ensure, queues.sync, deadLetters].map((queue) => queue.close()));
    await backend.close();
    reader.close();
    await rm(folder, { recursive: true });
  }
}

/** Producers and workers under fire, until enough sync jobs were accepted and the queues are idle again. */
async function weatherStorm(plan: StressPlan, adds: number, reader: JournalReader, queues: SyncQueues) {
  const crews: Record<"producer" | "worker", Crew> = {
    producer: startCrew("producer", producerCount, plan),
    worker: startCrew("worker", workerCount, plan),
  };
  const calm = new AbortController();
  try {
    await Promise.all([crews.producer.ready, crews.worker.ready]);
    const injectFault = (role: "producer" | "worker", size: number, faults: readonly Fault[]) =>
      disturbCrew(crews[role], size, faults, createRandom(plan.seed + role.length), calm.signal);
    const injecting = Promise.all([
      injectFault("producer", producerCount, producerFaults),
      injectFault("worker", workerCount, workerFaults),
    ]);
    await untilAccepted(reader, adds);
    calm.abort();
    await crews.producer.end();
    const [producerFaultCounts, workerFaultCounts] = await injecting;
    const stuck = await untilIdle(queues, () => {
      reader.read();
      return reader.entries.length;
    });
    await crews.worker.end();
    reader.read();
    const faults = [
      ...stuck.map((open) => `stuck: ${open}`),
      ...crews.producer.surprises,
      ...crews.worker.surprises,
    ];
    return { faultsInjected: { producers: producerFaultCounts, workers: workerFaultCounts }, faults };
  } finally {
    calm.abort();
    await Promise.all([crews.producer.end(), crews.worker.end()]);
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

/** Runs by how they ended; those that did not end were killed. */
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
