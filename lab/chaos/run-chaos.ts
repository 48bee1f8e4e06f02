import { stat } from "node:fs/promises";
import { heal } from "./heal/heal.ts";
import { checkAcceptances } from "./invariants/check-acceptances.ts";
import { checkCalls } from "./invariants/check-calls.ts";
import { checkChanges } from "./invariants/check-changes.ts";
import { checkDeadLetters } from "./invariants/check-dead-letters.ts";
import { checkEnd } from "./invariants/check-end.ts";
import { checkLastEnsures } from "./invariants/check-last-ensures.ts";
import { checkLogs } from "./invariants/check-logs.ts";
import { checkPostgresLog } from "./invariants/check-postgres-log.ts";
import { checkRuns } from "./invariants/check-runs.ts";
import { findCanaries } from "./invariants/find-canaries.ts";
import { readTables } from "./invariants/read-tables.ts";
import { readChanges } from "./invariants/recorder.ts";
import { createLedger, type Ledger, type Violation } from "./ledger.ts";
import { openPost } from "./perform/deliver.ts";
import { disturbAll, type Faults } from "./perform/inject-fault.ts";
import { runActs } from "./perform/run-acts.ts";
import type { Plan } from "./plan/plan.ts";
import type { Cluster } from "./stage/cluster.ts";
import { type Stage, setStage } from "./stage/stage.ts";
import { type MachineWatch, watchMachine } from "./stage/watch-machine.ts";
import { withClient } from "./stage/with-client.ts";

export type ChaosOptions = {
  plan: Plan;
  root: string;
  folder: string;
  cluster: Cluster;
  redisBinary: string | undefined;
  /** Ends the run early, with everything that it started. */
  signal?: AbortSignal | undefined;
};

export type ChaosReport = {
  violations: Violation[];
  faultsInjected: Faults;
  ledger: Ledger;
  /** Of the first broken invariant's user, newest first. */
  timeline: string[];
  /** How crowded the machine was, 1 or more. */
  crowding: number;
  seconds: { safety: number; healing: number };
};

/** Runs a plan on a stage of its own, lets it heal, and judges what came of it. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { signal, plan, ...others } = options;
  const postgresLogFrom = (await stat(options.cluster.logFile)).size;
  const { seed, backend, reconciles } = plan;
  const stage = await setStage({ ...others, seed, backend, reconciles });
  const machine = watchMachine();
  try {
    return await Promise.race([runAndCheck(stage, plan, postgresLogFrom, machine), untilAborted(signal)]);
  } finally {
    machine.stop();
    await stage.close();
  }
}

async function runAndCheck(
  stage: Stage,
  plan: Plan,
  postgresLogFrom: number,
  machine: MachineWatch,
): Promise<ChaosReport> {
  const ledger = createLedger(Date.now());
  const post = openPost(stage, ledger);
  const [faultsInjected] = await Promise.all([
    disturbAll(stage, plan, ledger.startedAtMs),
    runActs(stage, ledger, post, plan),
  ]);
  const healingFromMs = Date.now();
  const safetyMs = healingFromMs - ledger.startedAtMs;
  const plannedMs = Math.max(plan.safetyMs, ...plan.faults.map(({ atMs, forMs }) => atMs + forMs));
  const healed = await heal(stage, ledger, post, Math.max(safetyMs / plannedMs, machine.crowding()));
  const violations = [
    ...healed.violations,
    ...(await evaluateAll(stage, ledger, healed, machine)),
    ...(await checkPostgresLog(stage.cluster.logFile, postgresLogFrom)),
  ];
  const unasked = await stage.stopProcesses();
  violations.push(
    ...unasked.map((what) => ({ invariant: "no process ends but those that were killed", what })),
  );
  return {
    violations,
    faultsInjected,
    ledger,
    crowding: machine.crowding(),
    timeline: await readTimeline(stage, violations[0]?.clerkId),
    seconds: {
      safety: safetyMs / 1_000,
      healing: (healed.healedAtMs - healingFromMs) / 1_000,
    },
  };
}

function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(new Error("Interrupted"));
    // It may have come while the stage was being set.
    if (signal?.aborted) end();
    signal?.addEventListener("abort", end);
  });
}

type Healed = Awaited<ReturnType<typeof heal>>;

/** The invariants, the gravest first: what is printed is the first that is broken. */
async function evaluateAll(
  stage: Stage,
  ledger: Ledger,
  healed: Healed,
  machine: MachineWatch,
): Promise<Violation[]> {
  const surprises = Object.values(stage.processes).flatMap((process) => process.surprises);
  return withClient(stage.databaseUrl, async (db) => {
    const tables = await readTables(db);
    return [
      ...surprises.map((what) => ({ invariant: "no process ends but those that were killed", what })),
      ...checkAcceptances(ledger, healed.acceptedBefore, healed.tablesBefore),
      ...checkChanges(ledger, await readChanges(db)),
      ...(await checkEnd(ledger, tables, stage.clerk)),
      ...checkDeadLetters(ledger, healed.deadLetters),
      ...healed.lastEnsures.flatMap((call) => checkLastEnsures(ledger, call)),
      ...checkCalls(ledger, stage, tables, machine),
      ...(await checkLogs(stage)),
      ...(await checkRuns(stage, ledger, tables, db)),
      ...(await findCanaries(stage)),
    ];
  });
}

async function readTimeline(stage: Stage, clerkId: string | undefined): Promise<string[]> {
  if (clerkId === undefined) return [];
  return withClient(stage.databaseUrl, async (db) => {
    const { rows } = await db.query<{ line: string }>(
      "select concat_ws(' ', at, kind, cause, ref, details) as line from rollcall.events where clerk_id = $1 order by id",
      [clerkId],
    );
    return rows.map(({ line }) => line);
  });
}
