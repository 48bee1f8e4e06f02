import { stat } from "node:fs/promises";
import { type Cluster, withClient } from "../stage/postgres.ts";
import { type Healed, heal } from "./heal/heal.ts";
import { checkAcceptances } from "./invariants/check-acceptances.ts";
import { checkCalls, checkLastEnsures } from "./invariants/check-calls.ts";
import { checkChanges, isLink } from "./invariants/check-changes.ts";
import { checkDeadLetters } from "./invariants/check-dead-letters.ts";
import { checkEnd } from "./invariants/check-end.ts";
import { checkLogs, checkPostgresLog } from "./invariants/check-logs.ts";
import { checkRuns } from "./invariants/check-runs.ts";
import { findCanaries } from "./invariants/find-canaries.ts";
import {
  isProvoked,
  withoutLostCalls,
  withoutSkewedCalls,
  withoutStaleWork,
} from "./invariants/outer-spans.ts";
import { type Change, readChanges, readTables } from "./invariants/recorder.ts";
import { createLedger, type Ledger, type Violation } from "./ledger.ts";
import { networkFaults } from "./plan/outer-faults.ts";
import type { Plan } from "./plan/plan.ts";
import { type InjectedFaults, injectFaults } from "./scenario/inject-fault.ts";
import { runActs } from "./scenario/run-acts.ts";
import { createWebhookSender } from "./scenario/webhook-sender.ts";
import { type MachineLoad, watchMachineLoad } from "./stage/machine-load.ts";
import { type Stage, startStage } from "./stage/stage.ts";

export type ChaosOptions = {
  plan: Plan;
  root: string;
  folder: string;
  cluster: Cluster;
  redisBinary: string | undefined;
  /** Ends the run early, and all processes that it started. */
  signal?: AbortSignal | undefined;
};

export type ChaosReport = {
  violations: Violation[];
  faults: InjectedFaults;
  ledger: Ledger;
  /** Unclaimed profiles that a user got. */
  linked: number;
  /** The timeline of the user in the first violation. */
  timeline: string[];
  /** See `MachineLoad`. */
  crowding: number;
  seconds: { safety: number; healing: number };
};

const noUnexpectedExit = "no process ends but those that were killed";

/** Runs a plan on a stage of its own, heals the stage, and checks all invariants. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { signal, plan, ...others } = options;
  const postgresLogFrom = (await stat(options.cluster.logFile)).size;
  const { seed, backend, shards, app, reconciles } = plan;
  const stage = await startStage({
    ...others,
    ...{ seed, backend, shards, app, reconciles },
    hasNetwork: plan.faults.some(({ fault }) => networkFaults.includes(fault)),
    movesClocks: plan.faults.some(({ fault }) => fault === "clock"),
  });
  const machine = watchMachineLoad();
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
  machine: MachineLoad,
): Promise<ChaosReport> {
  const ledger = createLedger(Date.now());
  const sender = createWebhookSender(stage, ledger);
  const [faults] = await Promise.all([
    injectFaults(stage, plan, ledger.startedAtMs),
    runActs(stage, ledger, sender, plan),
  ]);
  const healingFromMs = Date.now();
  const safetyMs = healingFromMs - ledger.startedAtMs;
  const plannedMs = Math.max(plan.safetyMs, ...plan.faults.map(({ atMs, forMs }) => atMs + forMs));
  const healed = await heal(stage, ledger, sender, Math.max(safetyMs / plannedMs, machine.crowding()));
  const changes = await withClient(stage.databaseUrl, readChanges);
  const violations = [
    ...healed.violations,
    ...(await checkAll(stage, ledger, healed, changes, machine)),
    ...(await checkPostgresLog(stage.cluster.logFile, postgresLogFrom)).filter(
      (one) => !isProvoked(one, stage.outerSpans),
    ),
  ];
  const badExits = await stage.stopProcesses();
  violations.push(...badExits.map((detail) => ({ invariant: noUnexpectedExit, detail })));
  return {
    violations,
    faults,
    ledger,
    linked: changes.filter(isLink).length,
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
    // The signal may have fired while the stage was starting.
    if (signal?.aborted) end();
    signal?.addEventListener("abort", end);
  });
}

/** Checks the most serious invariants first, because the report starts with the first violation. */
async function checkAll(
  stage: Stage,
  ledger: Ledger,
  healed: Healed,
  changes: readonly Change[],
  machine: MachineLoad,
): Promise<Violation[]> {
  const unexpected = Object.values(stage.processes).flatMap((process) => process.unexpectedExits);
  const { acceptances } = withoutStaleWork(
    { ...ledger, acceptances: [...healed.acceptedBefore] },
    stage.outerSpans,
  );
  return withClient(stage.databaseUrl, async (db) => {
    const tables = await readTables(db, stage.app.names);
    return [
      ...unexpected.map((detail) => ({ invariant: noUnexpectedExit, detail })),
      ...checkAcceptances(ledger, acceptances, healed.tablesBefore),
      ...checkChanges(ledger, stage.app.names, changes),
      ...(await checkEnd(ledger, tables, stage)),
      ...checkDeadLetters(withoutStaleWork(ledger, stage.outerSpans), healed.deadLetters),
      ...healed.lastEnsures.flatMap((call) => checkLastEnsures(ledger, stage, call)),
      ...checkCalls(
        withoutLostCalls(withoutSkewedCalls(ledger, stage.outerSpans), stage.outerSpans),
        stage,
        tables,
        machine,
      ),
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
