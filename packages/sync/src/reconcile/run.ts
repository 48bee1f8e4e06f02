import { AppError, type RunView, readErrorCode } from "@rollcall/contracts";
import {
  acquireLease,
  dropCandidates,
  findRun,
  type Lease,
  leaseName,
  releaseLease,
  takeRun,
} from "@rollcall/db";
import { countPostgresError } from "../count-postgres-error.ts";
import type { ReconcileContext, RunOptions } from "./context.ts";
import { sweep } from "./full-sync.ts";
import { catchUp } from "./incremental-sync.ts";
import { RunStop } from "./run-stop.ts";
import { type Runner, startRunner } from "./runner.ts";

/**
 * ended: the run is over, and its row says how. busy: another process is at work on the mode. interrupted: this
 * process stopped, or lost Postgres or the lease; the run can be gone on with.
 */
export type RunResult = { kind: "ended"; run: RunView } | { kind: "busy" } | { kind: "interrupted" };

const defaultLeaseMs = 15_000;
const mostAttempts = 20;

/**
 * Works on a run until it is over: starts it, or goes on where the last runner came to. One runner at a time for
 * each mode; the same function in a worker and in the command line.
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

async function getRun({ pool }: ReconcileContext, runId: number): Promise<RunView> {
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
  // Over since we looked.
  if (!run) return { kind: "ended", run: await getRun(context, runId) };
  const { mode, dryRun, startedBy } = run.view;
  const { attempts, isResumed } = run;
  context.log.info(
    { event: "reconcile_started", runId, mode, dryRun, startedBy, attempts, isResumed },
    isResumed ? "Going on with a reconcile run" : "A reconcile run starts",
  );
  const runner = startRunner(context, run, lease, options);
  try {
    const ended = await work(runner);
    report(context, ended);
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
  if (run.attempts > mostAttempts)
    throw new AppError("reconcile.interrupted", `${mostAttempts} runners died or lost Postgres at one place`);
  if (run.view.dryRun) await runner.openDryRun();
  return run.view.mode === "full" ? sweep(runner) : catchUp(runner);
}

/** What becomes of a run that did not come to its end: it failed, was cancelled, or somebody goes on with it. */
async function stopRun(runner: Runner, error: unknown): Promise<RunResult> {
  const { context, run } = runner;
  const why = error instanceof RunStop ? error.why : undefined;
  const code = readErrorCode(error);
  if ((why && why !== "cancelled") || code === "postgres.unavailable") {
    return interrupt(runner, why ?? code, error);
  }
  const reason = describe(error);
  try {
    const ended = await runner.end(
      why === "cancelled" ? { state: "cancelled" } : { state: "failed", errorCode: code, reason },
      (client) => dropCandidates(client, run.view.id),
    );
    report(context, ended, error);
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
    "A reconcile run stops here",
  );
  return { kind: "interrupted" };
}

/** An error that nobody named keeps its text in the log. */
function describe(error: unknown): string {
  return error instanceof AppError ? error.message : "An error inside Rollcall: see the log";
}

const endEvents = {
  succeeded: "reconcile_succeeded",
  held: "reconcile_held",
  failed: "reconcile_failed",
  cancelled: "reconcile_cancelled",
} as const;

function report({ log }: ReconcileContext, run: RunView, error?: unknown): void {
  if (run.state === "waiting" || run.state === "running") return;
  const { id: runId, mode, dryRun, counts, missed, pages, seen, errorCode, reason } = run;
  const line = { event: endEvents[run.state], runId, mode, dryRun, counts, missed, pages, seen };
  if (run.state === "failed")
    log.error({ ...line, code: errorCode, reason, err: error }, "A reconcile run failed");
  else log.info(line, "A reconcile run is over");
}
