import { stat } from "node:fs/promises";
import { heal } from "./heal/heal.ts";
import { findCanaries } from "./laws/find-canaries.ts";
import { judgeAcceptances } from "./laws/judge-acceptances.ts";
import { judgeCalls } from "./laws/judge-calls.ts";
import { judgeChanges } from "./laws/judge-changes.ts";
import { judgeDeadLetters } from "./laws/judge-dead-letters.ts";
import { judgeEnd } from "./laws/judge-end.ts";
import { judgeLastEnsure } from "./laws/judge-last-ensures.ts";
import { judgeLogs } from "./laws/judge-logs.ts";
import { judgePostgresLog } from "./laws/judge-postgres-log.ts";
import { judgeRuns } from "./laws/judge-runs.ts";
import { readTables } from "./laws/read-tables.ts";
import { readChanges } from "./laws/recorder.ts";
import { createLedger, type Ledger, type Violation } from "./ledger.ts";
import { openPost } from "./perform/deliver.ts";
import { playActs } from "./perform/play.ts";
import { type Strikes, strikeAll } from "./perform/strike.ts";
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
  strikes: Strikes;
  ledger: Ledger;
  /** Of the first broken law's user, newest first. */
  timeline: string[];
  /** How crowded the machine was, 1 or more. */
  crowding: number;
  seconds: { safety: number; healing: number };
};

/** Plays a plan on a stage of its own, lets it heal, and judges what came of it. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { signal, plan, ...others } = options;
  const postgresLogFrom = (await stat(options.cluster.logFile)).size;
  const { seed, backend, reconciles } = plan;
  const stage = await setStage({ ...others, seed, backend, reconciles });
  const machine = watchMachine();
  try {
    return await Promise.race([playAndJudge(stage, plan, postgresLogFrom, machine), untilAborted(signal)]);
  } finally {
    machine.stop();
    await stage.close();
  }
}

async function playAndJudge(
  stage: Stage,
  plan: Plan,
  postgresLogFrom: number,
  machine: MachineWatch,
): Promise<ChaosReport> {
  const ledger = createLedger(Date.now());
  const post = openPost(stage, ledger);
  const [strikes] = await Promise.all([
    strikeAll(stage, plan, ledger.startedAtMs),
    playActs(stage, ledger, post, plan),
  ]);
  const healingFromMs = Date.now();
  const safetyMs = healingFromMs - ledger.startedAtMs;
  const plannedMs = Math.max(plan.safetyMs, ...plan.faults.map(({ atMs, forMs }) => atMs + forMs));
  const healed = await heal(stage, ledger, post, Math.max(safetyMs / plannedMs, machine.crowding()));
  const violations = [
    ...healed.violations,
    ...(await judgeAll(stage, ledger, healed, machine)),
    ...(await judgePostgresLog(stage.cluster.logFile, postgresLogFrom)),
  ];
  const unasked = await stage.stopProcesses();
  violations.push(...unasked.map((what) => ({ law: "no process ends but those that were killed", what })));
  return {
    violations,
    strikes,
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

/** The laws, the gravest first: what is printed is the first that is broken. */
async function judgeAll(
  stage: Stage,
  ledger: Ledger,
  healed: Healed,
  machine: MachineWatch,
): Promise<Violation[]> {
  const surprises = Object.values(stage.processes).flatMap((process) => process.surprises);
  return withClient(stage.databaseUrl, async (db) => {
    const tables = await readTables(db);
    return [
      ...surprises.map((what) => ({ law: "no process ends but those that were killed", what })),
      ...judgeAcceptances(ledger, healed.acceptedBefore, healed.tablesBefore),
      ...judgeChanges(ledger, await readChanges(db)),
      ...(await judgeEnd(ledger, tables, stage.clerk)),
      ...judgeDeadLetters(ledger, healed.deadLetters),
      ...healed.lastEnsures.flatMap((call) => judgeLastEnsure(ledger, call)),
      ...judgeCalls(ledger, stage, tables, machine),
      ...(await judgeLogs(stage)),
      ...(await judgeRuns(stage, ledger, tables, db)),
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
