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
import { checkTeamAcceptances, checkTeamsEnd } from "./invariants/check-teams.ts";
import { findCanaries } from "./invariants/find-canaries.ts";
import {
  isProvoked,
  withoutLostCalls,
  withoutSkewedCalls,
  withoutStale,
  withoutStaleWork,
} from "./invariants/outer-spans.ts";
import { type Change, readChanges, readTables } from "./invariants/recorder.ts";
import { readTeams } from "./invariants/team-rows.ts";
import { createLedger, type Ledger, type Violation } from "./ledger.ts";
import { networkFaults } from "./plan/outer-faults.ts";
import type { Plan } from "./plan/plan.ts";
import { countFilled, createFirstFill, type FirstFill } from "./scenario/first-fill.ts";
import { type InjectedFaults, injectFaults, type Loss } from "./scenario/inject-fault.ts";
import { runActs } from "./scenario/run-acts.ts";
import { createWebhookSender } from "./scenario/webhook-sender.ts";
import { type MachineLoad, watchMachineLoad } from "./stage/machine-load.ts";
import { type Stage, startStage } from "./stage/stage.ts";

export type ChaosOptions = {
  plan: Plan;
  root: string;
  /** See `StageOptions`. */
  otherRoot?: string | undefined;
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
  /** Users that got their rows by the statement for a page of new users. */
  filled: number;
  /** The timeline of the user in the first violation. */
  timeline: string[];
  /** See `MachineLoad`. */
  crowding: number;
  seconds: { safety: number; healing: number };
};

export const noUnexpectedExit = "no process ends but those that were killed";

/** Runs a plan on a stage of its own, heals the stage, and checks all invariants. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { signal, plan, ...others } = options;
  const logSizes = await measureLogs(options.cluster);
  const { seed, backend, shards, app, setup, reconciles } = plan;
  const fill = plan.residents > 0 ? createFirstFill(plan) : undefined;
  const stage = await startStage({
    ...others,
    ...{ seed, backend, shards, app, setup, reconciles },
    fillClerk: fill?.begin,
    hasNetwork: plan.faults.some(({ fault }) => networkFaults.includes(fault)),
    movesClocks: plan.faults.some(({ fault }) => fault === "clock"),
  });
  const machine = watchMachineLoad();
  try {
    return await Promise.race([runAndCheck(stage, plan, { logSizes, machine, fill }), untilAborted(signal)]);
  } finally {
    machine.stop();
    await stage.close();
  }
}

type Surroundings = {
  logSizes: ReadonlyMap<string, number>;
  machine: MachineLoad;
  fill: FirstFill | undefined;
};

async function runAndCheck(
  stage: Stage,
  plan: Plan,
  { logSizes, machine, fill }: Surroundings,
): Promise<ChaosReport> {
  const ledger = createLedger(Date.now());
  const sender = createWebhookSender(stage, ledger);
  const [faults] = await Promise.all([
    injectFaults(stage, plan, ledger.startedAtMs),
    runActs(stage, ledger, sender, plan, fill?.residents ?? []),
    fill?.end(stage.clerk),
  ]);
  const healingFromMs = Date.now();
  const safetyMs = healingFromMs - ledger.startedAtMs;
  const plannedMs = Math.max(plan.safetyMs, ...plan.faults.map(({ atMs, forMs }) => atMs + forMs));
  const healed = await heal(stage, ledger, sender, Math.max(safetyMs / plannedMs, machine.crowding()));
  const changes = await withClient(stage.databaseUrl, readChanges);
  const violations = [
    ...healed.violations,
    ...(await checkAll(stage, ledger, healed, changes, faults.losses, machine)),
    ...(await checkPostgresLogs(stage, logSizes)).filter((one) => !isProvoked(one, stage.outerSpans)),
  ];
  const badExits = await stage.stopProcesses();
  violations.push(...badExits.map((detail) => ({ invariant: noUnexpectedExit, detail })));
  return {
    violations,
    faults,
    ledger,
    linked: changes.filter(isLink).length,
    filled: await countFilled(stage),
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
  losses: readonly Loss[],
  machine: MachineLoad,
): Promise<Violation[]> {
  const areRowsLost = losses.length > 0;
  const areJobsLost = areRowsLost && stage.backend === "postgres";
  const unexpected = Object.values(stage.processes).flatMap((process) => process.unexpectedExits);
  const { acceptances } = withoutStaleWork(
    { ...ledger, acceptances: [...healed.acceptedBefore] },
    stage.outerSpans,
  );
  return withClient(stage.databaseUrl, async (db) => {
    const tables = await readTables(db, stage.app.names);
    const teams = await readTeams(db, stage.app);
    const lasting = findKept(withoutStale(healed.teamsAcceptedBefore, stage.outerSpans), losses);
    return [
      ...unexpected.map((detail) => ({ invariant: noUnexpectedExit, detail })),
      ...checkAcceptances(ledger, findKept(acceptances, losses), healed.tablesBefore),
      ...checkChanges(ledger, stage.app.names, changes),
      ...(await checkEnd(ledger, tables, stage)),
      ...checkTeamAcceptances(ledger, lasting, healed.teamsBefore),
      ...(stage.app.mapping.organizations ? await checkTeamsEnd(stage, teams) : []),
      ...checkDeadLetters(withoutStaleWork(ledger, stage.outerSpans), healed.deadLetters, {
        mayLack: areJobsLost,
      }),
      ...healed.lastEnsures.flatMap((call) => checkLastEnsures(ledger, stage, tables, call)),
      ...checkCalls(
        withoutLostCalls(withoutSkewedCalls(ledger, stage.outerSpans), stage.outerSpans),
        stage,
        tables,
        machine,
        { areRowsLost },
      ),
      ...(await checkLogs(stage)),
      ...(await checkRuns(stage, ledger, tables, db)),
      ...(await findCanaries(stage)),
    ];
  });
}

/** A failover may have lost what an earlier job wrote. Reconcile must repair that, which other invariants check. */
function findKept<T extends { atMs: number }>(accepted: readonly T[], losses: readonly Loss[]): T[] {
  const lastLossAtMs = Math.max(0, ...losses.map(({ atMs }) => atMs));
  return accepted.filter(({ atMs }) => atMs > lastLossAtMs);
}

/** The size of each server's log, so that only later lines are checked. */
async function measureLogs({ logFiles }: Cluster): Promise<ReadonlyMap<string, number>> {
  const sizes = logFiles.map(async (file) => [file, (await stat(file)).size] as const);
  return new Map(await Promise.all(sizes));
}

async function checkPostgresLogs(
  { cluster: { logFiles }, setup }: Stage,
  sizes: ReadonlyMap<string, number>,
): Promise<Violation[]> {
  const checks = logFiles.map((file) => checkPostgresLog(file, sizes.get(file) ?? 0, setup));
  return (await Promise.all(checks)).flat();
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
