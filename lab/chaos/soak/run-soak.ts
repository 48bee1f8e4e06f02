import { setTimeout as sleep } from "node:timers/promises";
import { heal } from "../heal/heal.ts";
import { checkAcceptances } from "../invariants/check-acceptances.ts";
import { checkCalls } from "../invariants/check-calls.ts";
import { checkDeadLetters } from "../invariants/check-dead-letters.ts";
import { checkEnd } from "../invariants/check-end.ts";
import { checkLastEnsures } from "../invariants/check-last-ensures.ts";
import { readTables } from "../invariants/read-tables.ts";
import { createLedger, type Ledger, type Violation } from "../ledger.ts";
import { openPost } from "../perform/deliver.ts";
import { createDice } from "../plan/dice.ts";
import { type Stage, type StageOptions, setStage } from "../stage/stage.ts";
import { type MachineWatch, watchMachine } from "../stage/watch-machine.ts";
import { withClient } from "../stage/with-client.ts";
import { applyLoad } from "./load.ts";
import { memoryModule } from "./memory.ts";
import { type Sample, takeSample } from "./sample.ts";
import { checkSamples } from "./verdicts.ts";

export type SoakOptions = StageOptions & {
  /** For how long it is judged, behind the warm-up. */
  forMs: number;
  warmUpMs: number;
  /** Events a second. */
  rate: number;
  signal: AbortSignal;
  say: (line: string) => void;
};

const sampleEveryMs = 10_000;
const megabyte = 1_048_576;

/** A steady load without faults, for long. @returns what did not hold */
export async function runSoak(options: SoakOptions): Promise<string[]> {
  const { say, seed, rate, forMs, warmUpMs, signal } = options;
  const stage = await setStage({ ...options, preload: (name) => memoryModule(options.folder, name) });
  const machine = watchMachine();
  const sampling = new AbortController();
  try {
    // Stories of half an hour would fill our own memory.
    const ledger: Ledger = { ...createLedger(Date.now()), tell: () => undefined };
    const post = openPost(stage, ledger);
    const samples: Sample[] = [];
    const unsampled = new AbortController();
    const sampled = sample(stage, samples, say, sampling.signal);
    sampled.catch(() => unsampled.abort());
    const load = { stage, ledger, post, dice: createDice(seed), seed };
    const loading = AbortSignal.any([signal, unsampled.signal]);
    const events = await applyLoad(load, rate, ledger.startedAtMs + warmUpMs + forMs, loading);
    sampling.abort();
    await sampled;
    const seconds = (Date.now() - ledger.startedAtMs) / 1_000;
    say(`${events} events in ${seconds.toFixed(0)} s; ${ledger.calls.length} requests`);

    const violations = await checkLoad(stage, ledger, post, machine);
    for (const { invariant, what, clerkId } of violations.slice(0, 40))
      say(`${invariant}: ${clerkId ?? ""} ${what}`);
    const verdicts = checkSamples(samples.filter(({ atMs }) => atMs >= ledger.startedAtMs + warmUpMs));
    for (const { line } of verdicts) say(line);
    return [
      ...violations.map(({ what }) => what),
      ...verdicts.flatMap(({ line, holds }) => (holds ? [] : [line])),
    ];
  } finally {
    sampling.abort();
    machine.stop();
    await stage.close();
  }
}

async function sample(
  stage: Stage,
  samples: Sample[],
  say: SoakOptions["say"],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const one = await takeSample(stage);
    samples.push(one);
    const each = Object.entries(one.memory).map(
      ([name, { live, resident }]) =>
        `${name} ${(live / megabyte).toFixed(1)} of ${(resident / megabyte).toFixed(1)} MB ${Reflect.get(one.connections, name)} conn`,
    );
    if (samples.length % 6 === 1) {
      say(
        `${new Date(one.atMs).toISOString()}  ${each.join(", ")}, queues ${(one.queueBytes / megabyte).toFixed(1)} MB`,
      );
    }
    await sleep(sampleEveryMs, undefined, { signal }).catch(() => undefined);
  }
}

async function checkLoad(
  stage: Stage,
  ledger: Ledger,
  post: ReturnType<typeof openPost>,
  machine: MachineWatch,
): Promise<Violation[]> {
  const healed = await heal(stage, ledger, post, machine.crowding());
  return withClient(stage.databaseUrl, async (db) => {
    const tables = await readTables(db);
    return [
      ...Object.values(stage.processes).flatMap(({ surprises }) =>
        surprises.map((what) => ({ invariant: "no process ends", what })),
      ),
      ...healed.violations,
      ...checkAcceptances(ledger, healed.acceptedBefore, healed.tablesBefore),
      ...(await checkEnd(ledger, tables, stage.clerk)),
      ...checkDeadLetters(ledger, healed.deadLetters),
      ...healed.lastEnsures.flatMap((call) => checkLastEnsures(ledger, call)),
      ...checkCalls(ledger, stage, tables, machine),
    ];
  });
}
