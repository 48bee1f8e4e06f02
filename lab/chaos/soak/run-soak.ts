import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startCollector } from "../../stage/collector.ts";
import { startCluster, withClient } from "../../stage/postgres.ts";
import { apps } from "../apps.ts";
import { heal } from "../heal/heal.ts";
import { checkAcceptances } from "../invariants/check-acceptances.ts";
import { checkCalls, checkLastEnsures } from "../invariants/check-calls.ts";
import { checkDeadLetters } from "../invariants/check-dead-letters.ts";
import { checkEnd } from "../invariants/check-end.ts";
import { readTables } from "../invariants/recorder.ts";
import { createLedger, type Ledger, type Violation } from "../ledger.ts";
import { createDice } from "../plan/dice.ts";
import { migrateUnderRoles } from "../run-seeds.ts";
import { createWebhookSender } from "../scenario/webhook-sender.ts";
import { type MachineLoad, watchMachineLoad } from "../stage/machine-load.ts";
import { type Stage, type StageOptions, startStage } from "../stage/stage.ts";
import { checkSamples } from "./check-samples.ts";
import { applyLoad } from "./load.ts";
import { openConsole } from "./open-console.ts";
import { memoryModule, type Sample, takeSample } from "./samples.ts";
import { ageTimeline } from "./sizes.ts";

type SoakOptions = StageOptions & {
  /** The measured time, after the warm-up. */
  forMs: number;
  warmUpMs: number;
  /** Events a second. */
  rate: number;
  signal: AbortSignal;
  say: (line: string) => void;
};

const sampleEveryMs = 10_000;
const megabyte = 1_048_576;

/** Runs a steady load without faults, with reconcile, tracing and an open console. @returns the violations */
async function measureSoak(options: SoakOptions): Promise<string[]> {
  const { say, seed, rate, forMs, warmUpMs, signal } = options;
  const collector = await startCollector();
  const stage = await startStage({
    ...options,
    reconciles: true,
    environment: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_TRACES_SAMPLER_ARG: "1" },
    preload: (name) => memoryModule(options.folder, name),
  }).catch((error: unknown) => {
    collector.close();
    throw error;
  });
  const console = openConsole(stage);
  const machine = watchMachineLoad();
  const sampling = new AbortController();
  try {
    // The users' histories of half an hour would fill this process' memory.
    const ledger: Ledger = { ...createLedger(Date.now()), note: () => undefined };
    const sender = createWebhookSender(stage, ledger);
    const samples: Sample[] = [];
    const unsampled = new AbortController();
    const sampled = sample(stage, samples, say, sampling.signal);
    sampled.catch(() => unsampled.abort());
    const load = { stage, ledger, sender, dice: createDice(seed), seed };
    const loading = AbortSignal.any([signal, unsampled.signal]);
    const events = await applyLoad(load, rate, ledger.startedAtMs + warmUpMs + forMs, loading);
    sampling.abort();
    await sampled;
    const seconds = (Date.now() - ledger.startedAtMs) / 1_000;
    say(`${events} events in ${seconds.toFixed(0)} s; ${ledger.calls.length} requests`);
    await console.close();
    say(`the console saw ${console.events()} events and polled ${console.polls()} times`);
    say(`the collector received ${collector.received()} requests`);

    const violations = await checkLoad(stage, ledger, sender, machine);
    for (const { invariant, detail, clerkId } of violations.slice(0, 40))
      say(`${invariant}: ${clerkId ?? ""} ${detail}`);
    const verdicts = checkSamples(
      samples.filter(({ atMs }) => atMs >= ledger.startedAtMs + warmUpMs),
      rate,
    );
    for (const { line } of verdicts) say(line);
    return [
      ...violations.map(({ detail }) => detail),
      ...verdicts.flatMap(({ line, holds }) => (holds ? [] : [line])),
    ];
  } finally {
    sampling.abort();
    machine.stop();
    await console.close();
    collector.close();
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
      await ageTimeline(stage);
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
  sender: ReturnType<typeof createWebhookSender>,
  machine: MachineLoad,
): Promise<Violation[]> {
  const healed = await heal(stage, ledger, sender, machine.crowding());
  return withClient(stage.databaseUrl, async (db) => {
    const tables = await readTables(db, stage.app.names);
    return [
      ...Object.values(stage.processes).flatMap(({ unexpectedExits }) =>
        unexpectedExits.map((detail) => ({ invariant: "no process ends", detail })),
      ),
      ...healed.violations,
      ...checkAcceptances(ledger, healed.acceptedBefore, healed.tablesBefore),
      ...(await checkEnd(ledger, tables, stage)),
      ...checkDeadLetters(ledger, healed.deadLetters),
      ...healed.lastEnsures.flatMap((call) => checkLastEnsures(ledger, stage, tables, call)),
      ...checkCalls(ledger, stage, tables, machine),
    ];
  });
}

/** Runs a soak on a Postgres server of its own. @returns the number of violations */
export async function runSoak(
  options: Omit<SoakOptions, "cluster" | "folder"> & { keep: boolean },
): Promise<number> {
  const { root, backend, keep, say } = options;
  const cluster = await startCluster((databaseUrl) => migrateUnderRoles(root, databaseUrl, apps.default));
  const folder = await mkdtemp(join(tmpdir(), `rollcall-soak-${backend}-`));
  try {
    const broken = await measureSoak({ ...options, cluster, folder });
    if (broken.length > 0 || keep) say(`logs and data are kept in ${folder}`);
    else await rm(folder, { recursive: true, force: true });
    return broken.length;
  } finally {
    await cluster.stop();
  }
}
