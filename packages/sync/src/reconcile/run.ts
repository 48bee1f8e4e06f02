import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { AppError, type RunView, readErrorCode } from "@rollcall/contracts";
import {
  acquireLease,
  dropCandidates,
  findRun,
  type Lease,
  leaseName,
  listIdleRuns,
  type Pool,
  releaseLease,
  requestDueFullSync,
  takeRun,
} from "@rollcall/db";
import { inSpan } from "@rollcall/observability";
import { countPostgresError } from "../count-postgres-error.ts";
import { runFullSync } from "./full-sync.ts";
import { runIncrementalSync } from "./incremental-sync.ts";
import { type ReconcileContext, type Runner, type RunOptions, RunStop, startRunner } from "./runner.ts";

/**
 * ended: the run is over, and its row has the result. busy: another process holds the lease of this mode. interrupted:
 * this process stopped, or lost Postgres or the lease; the run can be resumed.
 */
export type RunResult = { kind: "ended"; run: RunView } | { kind: "busy" } | { kind: "interrupted" };

const defaultLeaseMs = 15_000;
const maxAttempts = 20;

/**
 * Works on a run until it is over: starts it, or resumes it at its checkpoint. Each mode has one runner at a time. The
 * worker and the command line use this same function.
 *
 * @throws AppError `run.unknown`, or `postgres.unavailable` before the work begins
 */
export async function runReconcile(
  context: ReconcileContext,
  runId: number,
  options: RunOptions = {},
): Promise<RunResult> {
  const { pool, leaseMs = defaultLeaseMs } = context;
  const found = await getRun(context, runId);
  if (found.finishedAt !== null) return { kind: "ended", run: found };
  const lease = await acquireLease(pool, leaseName(found), leaseMs);
  if (!lease) return { kind: "busy" };
  try {
    return await runUnderLease(context, runId, lease, options);
  } finally {
    await releaseLease(pool, lease).catch(() => undefined);
  }
}

async function getRun({ pool }: { pool: Pool }, runId: number): Promise<RunView> {
  const run = await findRun(pool, runId);
  if (!run) throw new AppError("run.unknown", `There is no run ${runId}`);
  return run;
}

async function runUnderLease(
  context: ReconcileContext,
  runId: number,
  lease: Lease,
  options: RunOptions,
): Promise<RunResult> {
  const run = await takeRun(context.pool, runId);
  // The run ended after it was read.
  if (!run) return { kind: "ended", run: await getRun(context, runId) };
  const { mode, dryRun, startedBy } = run.view;
  const { attempts, isResumed } = run;
  context.log.info(
    { event: "reconcile_started", runId, mode, dryRun, startedBy, attempts, isResumed },
    isResumed ? "A reconcile run is resumed" : "A reconcile run starts",
  );
  const runner = startRunner(context, run, lease, options);
  const span = {
    name: `reconcile ${mode}`,
    attributes: { "rollcall.run.id": runId, "rollcall.run.dry": dryRun },
  };
  try {
    const ended = await inSpan(context.tracing, span, () => work(runner));
    logEnd(context, ended);
    return { kind: "ended", run: ended };
  } catch (error) {
    return await stopRun(runner, error);
  } finally {
    runner.close();
  }
}

async function work(runner: Runner): Promise<RunView> {
  const { run } = runner;
  if (run.view.cancelRequested) throw new RunStop("cancelled");
  if (run.attempts > maxAttempts)
    throw new AppError(
      "reconcile.interrupted",
      `${maxAttempts} attempts died or lost Postgres at one checkpoint`,
    );
  if (run.view.dryRun) await runner.openDryRun();
  return run.view.mode === "full" ? runFullSync(runner) : runIncrementalSync(runner);
}

/** Handles a run that did not reach its end: it failed, was cancelled, or is left for another process to resume. */
async function stopRun(runner: Runner, error: unknown): Promise<RunResult> {
  const { context, run } = runner;
  const why = error instanceof RunStop ? error.why : undefined;
  const code = readErrorCode(error);
  if ((why && why !== "cancelled") || code === "postgres.unavailable" || code === "schema.changed") {
    return interrupt(runner, why ?? code, error);
  }
  const reason = describe(error);
  try {
    const ended = await runner.end(
      why === "cancelled" ? { state: "cancelled" } : { state: "failed", errorCode: code, reason },
      (client) => dropCandidates(client, run.view.id),
    );
    logEnd(context, ended, error);
    return { kind: "ended", run: ended };
  } catch (endError) {
    return interrupt(runner, endError instanceof RunStop ? endError.why : readErrorCode(endError), endError);
  }
}

function interrupt({ context, run }: Runner, why: string, error: unknown): RunResult {
  const { id: runId, mode } = run.view;
  const details = error instanceof RunStop ? {} : { err: error };
  countPostgresError(context.metrics, error);
  context.log.warn(
    { event: "reconcile_interrupted", runId, mode, why, ...details },
    "A reconcile run is interrupted",
  );
  return { kind: "interrupted" };
}

/** The text of an unknown error may hold personal data, so it stays in the log. */
function describe(error: unknown): string {
  return error instanceof AppError ? error.message : "An error inside Rollcall: see the log";
}

const endEvents = {
  succeeded: "reconcile_succeeded",
  held: "reconcile_held",
  failed: "reconcile_failed",
  cancelled: "reconcile_cancelled",
} as const;

function logEnd({ log }: ReconcileContext, run: RunView, error?: unknown): void {
  if (run.state === "waiting" || run.state === "running") return;
  const { id: runId, mode, dryRun, counts, missed, pages, seen, errorCode, reason } = run;
  const line = { event: endEvents[run.state], runId, mode, dryRun, counts, missed, pages, seen };
  if (run.state === "failed")
    log.error({ ...line, code: errorCode, reason, err: error }, "A reconcile run failed");
  else log.info(line, "A reconcile run is over");
}

const followEveryMs = 1_000;

/**
 * Follows a run until it is over: works on it, or reads its progress while another process does. If that process dies,
 * this one resumes the run.
 *
 * @returns the run at its end, or its present state when `signal` is aborted
 * @throws AppError `run.unknown` or `postgres.unavailable`
 */
export async function followRun(
  context: ReconcileContext,
  runId: number,
  options: RunOptions = {},
): Promise<RunView> {
  const { onProgress, signal } = options;
  for (;;) {
    const result = await runReconcile(context, runId, options);
    if (result.kind === "ended") return result.run;
    const run = await getRun(context, runId);
    onProgress?.(run);
    if (signal?.aborted) return run;
    await sleep(followEveryMs, undefined, { ...(signal && { signal }) }).catch(() => undefined);
  }
}

/** The process that requested a run has this long to start it. */
const idleAfterMs = 5_000;
/** The cause of a failed full sync may last, so the retry waits. */
const retryAfterMs = 30 * 60_000;

/**
 * Lists runs that no process works on, because their runner died or no process started them. If the first full sync, or
 * the retry of a failed one, is due, it requests that too.
 *
 * @throws AppError `postgres.unavailable`
 */
export async function claimIdleRuns({ pool }: { pool: Pool }): Promise<RunView[]> {
  await requestDueFullSync(pool, retryAfterMs);
  return listIdleRuns(pool, idleAfterMs);
}

/**
 * Lets the heap grow to twice the live objects before V8 collects garbage, for a process that runs reconcile. V8's default
 * is four times, and then memory grows with the number of users. With 1.6 times, a full sync needs some 15 % more CPU and
 * 10 MB less.
 */
export function limitHeapGrowth(): void {
  setFlagsFromString("--heap-growing-percent=100");
}
