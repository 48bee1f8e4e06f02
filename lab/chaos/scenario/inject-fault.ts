import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import { withClient } from "../../stage/postgres.ts";
import { countChanges } from "../invariants/recorder.ts";
import type { Fault, FaultSpec, FullSyncFault, Plan } from "../plan/plan.ts";
import type { Stage } from "../stage/stage.ts";
import type { SupervisedProcess } from "../stage/supervised-process.ts";
import { requestNewRun, untilRun } from "./admin-api.ts";
import { injectOuterFault } from "./inject-outer-fault.ts";

export type InjectedFaults = {
  injected: number;
  /** Faults whose target was down at that moment. They are reported and break no invariant. */
  missed: string[];
  /** Failovers to a replica that lacked the last transactions. */
  losses: Loss[];
};

export type Loss = {
  /** When the primary was dead, in milliseconds since the epoch. Nothing later was lost. */
  atMs: number;
  /** Changes of the app's tables that the replica lacked. */
  changes: number;
};

/** Injects the plan's faults at their times. Returns after all are undone. */
export async function injectFaults(stage: Stage, plan: Plan, startedAtMs: number): Promise<InjectedFaults> {
  const faults: InjectedFaults = { injected: 0, missed: [], losses: [] };
  await Promise.all(
    plan.faults.map(async (fault) => {
      await sleep(Math.max(0, startedAtMs + fault.atMs - Date.now()));
      try {
        await injectFault(stage, fault, fault.forMs, faults.losses);
        faults.injected += 1;
      } catch (error) {
        faults.missed.push(`${describeFault(fault)}: ${error instanceof Error ? error.message : error}`);
      }
    }),
  );
  return faults;
}

export function describeFault({ atMs, forMs, ...spec }: Fault): string {
  return `${String(atMs).padStart(6)} ms  ${Object.values(spec).join(" ")} for ${forMs} ms`;
}

async function injectFault(stage: Stage, spec: FaultSpec, forMs: number, losses: Loss[]): Promise<void> {
  const { users } = stage.app.names;
  switch (spec.fault) {
    case "kill":
      return stage.processes[spec.process].kill(forMs);
    case "freeze":
      return stage.processes[spec.process].freeze(forMs);
    case "redis-kill":
      return stage.redis?.kill(forMs);
    case "redis-freeze":
      return stage.redis?.freeze(forMs);
    case "redis-full":
      return stage.redis?.fill(spec.share, forMs);
    case "postgres-crash":
      return stage.cluster.crash(forMs);
    case "postgres-terminate":
      return runStatements(stage, 0, [terminateOthers]);
    case "postgres-lock-table":
      return runStatements(stage, forMs, ["begin", `lock table ${users.table} in share row exclusive mode`]);
    case "postgres-lock-rows": {
      const everyNth = Math.max(1, Math.round(1 / spec.share));
      return runStatements(stage, forMs, [
        "begin",
        `select from ${users.table} where hashtext(${users.id}::text) % ${everyNth} = 0 for update`,
      ]);
    }
    case "postgres-failover":
      return failOver(stage, spec, losses);
    case "half-open":
      return stage.proxy(spec.process, spec.service)?.blackhole();
    case "reset":
      return stage.proxy(spec.process, spec.service)?.reset();
    case "delay": {
      const proxy = stage.proxy(spec.process, spec.service);
      proxy?.delay(spec.longestMs);
      await sleep(forMs);
      return proxy?.delay(0);
    }
    case "clerk": {
      const { kind, share } = spec;
      const id = await stage.clerk.faults.add(
        kind === "latency" ? { kind, share, ms: 1_500 } : { kind, share },
      );
      await sleep(forMs);
      return stage.clerk.faults.remove(id);
    }
    case "full-sync":
      return disturbFullSync(stage, spec.meanwhile, forMs);
    default:
      return injectOuterFault(stage, spec, forMs);
  }
}

/** Counts the changes on both servers, so that the report tells whether anything was lost. */
async function failOver(
  { cluster, databaseUrl, setup }: Stage,
  { lostMs, readOnlyMs }: { lostMs: number; readOnlyMs: number },
  losses: Loss[],
): Promise<void> {
  const counts: number[] = [];
  const observe = async (serverUrl: string) => {
    const url = new URL(serverUrl);
    url.pathname = new URL(databaseUrl).pathname;
    counts.push(await withClient(url.href, countChanges));
  };
  const atMs = await cluster.failOver({ lostMs, readOnlyMs, observe });
  const [before = 0, after = 0] = counts;
  // A commit that waits for its replica is not visible yet, so a replica lacks nothing that was.
  if (setup === "sync-replica" && after < before) throw new Error(`${before - after} changes were lost`);
  if (setup === "replica") losses.push({ atMs, changes: before - after });
}

const terminateOthers =
  "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";

/** Runs statements on a connection of their own. It stays open for `forMs`, with its locks. */
function runStatements(stage: Stage, forMs: number, statements: readonly string[]): Promise<void> {
  return withClient(stage.databaseUrl, async (client) => {
    for (const statement of statements) await client.query(statement);
    await sleep(forMs);
  });
}

/** Long enough for a fault between two requests of a full sync. */
const clerkLatencyMs = 800;
const startsWithinMs = 10_000;

/** Requests a full sync and injects a fault while it runs. Returns after the fault is undone. */
async function disturbFullSync(stage: Stage, meanwhile: FullSyncFault, forMs: number): Promise<void> {
  const { faults } = stage.clerk;
  const added: number[] = [];
  try {
    added.push(await faults.add({ kind: "latency", ms: clerkLatencyMs, method: "GET", path: "/v1/users" }));
    if (meanwhile === "empty-list" || meanwhile === "short-list")
      added.push(await faults.add({ kind: meanwhile }));
    const runId = await requestNewRun(stage, "full");
    if (meanwhile !== "kill" && meanwhile !== "freeze") {
      await untilRun(stage, runId, ({ finishedAt }) => finishedAt !== null, forMs).catch(() => undefined);
      return;
    }
    const { worker, atMs } = await untilStarted(stage, runId, startsWithinMs);
    if (meanwhile === "kill") return await worker.kill(forMs);
    await worker.freeze(untilStarted(stage, runId, forMs, { worker, atMs }));
    // For this time, both workers run the full sync.
    await sleep(2 * clerkLatencyMs);
  } finally {
    for (const id of added) await faults.remove(id);
  }
}

type Start = { worker: SupervisedProcess; atMs: number };

/** Resolves when a worker logs that it runs the run. With `former`: when the other worker does so later. */
function untilStarted(stage: Stage, runId: number, timeoutMs: number, former?: Start): Promise<Start> {
  const { worker0, worker1 } = stage.processes;
  const newest = async () => {
    const starts = await Promise.all([worker0, worker1].map((worker) => readStarts(worker, runId)));
    return starts
      .flat()
      .filter(({ worker, atMs }) => !former || (worker !== former.worker && atMs > former.atMs))
      .sort((a, b) => a.atMs - b.atMs)
      .at(-1);
  };
  return waitFor(`a worker to start run ${runId}`, newest, timeoutMs);
}

const line = z.object({ event: z.literal("reconcile_started"), runId: z.number(), time: z.number() });

async function readStarts(worker: SupervisedProcess, runId: number): Promise<Start[]> {
  const file = await open(worker.logFile);
  try {
    const starts: Start[] = [];
    for await (const text of file.readLines()) {
      if (!text.includes('"reconcile_started"')) continue;
      const { success, data } = line.safeParse(JSON.parse(text));
      if (success && data.runId === runId) starts.push({ worker, atMs: data.time });
    }
    return starts;
  } finally {
    await file.close();
  }
}
