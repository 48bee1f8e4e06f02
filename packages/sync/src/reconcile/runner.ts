import type { RunView } from "@rollcall/contracts";
import {
  advanceRun,
  beatRun,
  endRun,
  holdLease,
  inTransaction,
  type Lease,
  type OpenRun,
  type Queryable,
  type RunEnd,
  type RunProgress,
} from "@rollcall/db";
import type { ReconcileContext, RunOptions } from "./context.ts";
import { type DryRun, openDryRun } from "./dry-run.ts";
import { createRetryingClerk, type RetryingClerk } from "./retrying-clerk.ts";
import { RunStop } from "./run-stop.ts";

/** Writes inside the transaction that stores how far the run came, and says what to add to its row. */
type Step = (client: Queryable) => Promise<RunProgress>;

/** One process at work on one run, for as long as it holds the lease. */
export type Runner = {
  context: ReconcileContext;
  run: OpenRun;
  clerk: RetryingClerk;
  /** Of a dry run, once `openDryRun` was called. */
  readonly trial: DryRun | undefined;
  /** Makes it a dry run. @throws AppError `postgres.unavailable` */
  openDryRun(): Promise<void>;
  /** Aborted with a `RunStop`. */
  signal: AbortSignal;
  /** Stores how far the run came (`{}`: begin anew), together with what `step` writes. @throws RunStop when the lease is lost */
  advance(checkpoint: unknown, step: Step): Promise<RunView>;
  /** Ends the run, together with what `step` writes. @throws RunStop when the lease is lost */
  end(end: RunEnd, step: (client: Queryable) => Promise<void>): Promise<RunView>;
  close(): void;
};

/** A third of the lease: two beats may be lost. */
const beatsPerLease = 3;

/** Starts to work on a run: says that it lives, and hears of the wish to stop. */
export function startRunner(
  context: ReconcileContext,
  run: OpenRun,
  lease: Lease,
  { onProgress, signal: outer }: RunOptions,
): Runner {
  let trial: DryRun | undefined;
  const stop = new AbortController();
  const interrupt = () => stop.abort(new RunStop("interrupted"));
  if (outer?.aborted) interrupt();
  outer?.addEventListener("abort", interrupt);
  const { id } = run.view;

  async function beat(): Promise<void> {
    if (!(await holdLease(context.pool, lease))) return stop.abort(new RunStop("lost"));
    const beaten = await beatRun(context.pool, id);
    if (!beaten) stop.abort(new RunStop("lost"));
    else if (beaten.isCancelled) stop.abort(new RunStop("cancelled"));
  }
  // A beat that fails proves nothing; a lease that expired meanwhile is noticed by the next step.
  const beats = setInterval(() => void beat().catch(() => undefined), lease.ttlMs / beatsPerLease);

  /** A holder that slept through its lease writes nothing: it is checked and locked where the writing happens. */
  async function fenced(work: (client: Queryable) => Promise<RunView | undefined>): Promise<RunView> {
    const written = inTransaction(context.pool, async (client) => {
      if (!(await holdLease(client, lease))) throw new RunStop("lost");
      const view = await work(client);
      if (!view) throw new RunStop("lost");
      return view;
    });
    const view = await written.catch((error: unknown) =>
      error instanceof RunStop ? Promise.reject(error) : Promise.reject<never>(error),
    );
    onProgress?.(view);
    return view;
  }

  return {
    context,
    run,
    clerk: createRetryingClerk(context, stop.signal),
    get trial() {
      return trial;
    },
    openDryRun: async () => {
      trial = await openDryRun(context, stop.signal);
    },
    signal: stop.signal,
    advance: (checkpoint, step) =>
      // What a dry run collected dies with its runner, so that nobody can go on from here.
      fenced(async (client) => advanceRun(client, id, trial ? {} : checkpoint, await step(client))),
    end: (end, step) =>
      fenced(async (client) => {
        await step(client);
        return endRun(client, id, end);
      }),
    close: () => {
      clearInterval(beats);
      // A page that is still read ahead would be asked for again and again.
      interrupt();
      trial?.close();
      outer?.removeEventListener("abort", interrupt);
    },
  };
}
