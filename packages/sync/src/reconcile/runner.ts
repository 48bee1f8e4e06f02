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
import type { Tracing } from "@rollcall/observability";
import { type DryRun, openDryRun } from "./dry-run.ts";
import { type ClerkContext, createRetryingClerk, type RetryingClerk } from "./retrying-clerk.ts";
import type { PageContext } from "./write-page.ts";

/** The services of reconcile runs. */
export type ReconcileContext = ClerkContext &
  PageContext & {
    /** A run is a span, and so is each of its pages. */
    tracing?: Tracing | undefined;
    /** A lease expires this long after its holder's last beat; 15 s by default. */
    leaseMs?: number;
    /** Ranges that a full sync walks at once; 16 by default. */
    concurrency?: number;
    /** Absent users that one transaction deletes; 500 by default. */
    deletionsAtOnce?: number;
    /** Users; a range is not cut into smaller parts. 2,500 by default. */
    smallestPart?: number;
  };

export type RunOptions = {
  /** Called with the run's row after each step. */
  onProgress?: (run: RunView) => void;
  /** When it is aborted, the run stops after its present step. Another process can resume the run. */
  signal?: AbortSignal;
};

/**
 * The reason why a run stops before its end. lost: another runner has the lease, or may have it. cancelled: an operator
 * cancelled the run. interrupted: this process ends.
 */
export class RunStop extends Error {
  readonly why: "lost" | "cancelled" | "interrupted";

  constructor(why: RunStop["why"]) {
    super(`The run is ${why}`);
    this.name = "RunStop";
    this.why = why;
  }
}

/**
 * Writes inside the transaction that stores the checkpoint, and returns the amounts to add to the run's row. A checkpoint
 * that only the step knows goes before the given one.
 */
type Step = (client: Queryable) => Promise<RunProgress & { checkpoint?: unknown }>;

/** One process at work on one run, for as long as it holds the lease. */
export type Runner = {
  context: ReconcileContext;
  run: OpenRun;
  clerk: RetryingClerk;
  /** Set once `openDryRun` was called. */
  readonly dryRun: DryRun | undefined;
  /** Turns the run into a dry run. @throws AppError `postgres.unavailable` */
  openDryRun(): Promise<void>;
  /** Aborted with a `RunStop`. */
  signal: AbortSignal;
  /**
   * Stores a checkpoint together with the writes of `step`. The checkpoint `{}` lets a resumed run begin anew.
   *
   * @throws RunStop when the lease is lost
   */
  advance(checkpoint: unknown, step: Step): Promise<RunView>;
  /** Ends the run, together with the writes of `step`. @throws RunStop when the lease is lost */
  end(end: RunEnd, step: (client: Queryable) => Promise<void>): Promise<RunView>;
  close(): void;
};

/** With three beats per lease, two may be lost. */
const beatsPerLease = 3;

/** Starts work on a run. Beats extend the lease and read whether the run was cancelled. */
export function startRunner(
  context: ReconcileContext,
  run: OpenRun,
  lease: Lease,
  { onProgress, signal: outer }: RunOptions,
): Runner {
  let dryRun: DryRun | undefined;
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
  // A beat that fails proves nothing: if the lease expires meanwhile, the next step finds out.
  const beats = setInterval(() => void beat().catch(() => undefined), lease.ttlMs / beatsPerLease);

  /** Checks and locks the lease in the writing transaction: a process that was suspended may have lost it. */
  async function fenced(work: (client: Queryable) => Promise<RunView | undefined>): Promise<RunView> {
    const view = await inTransaction(context.pool, async (client) => {
      if (!(await holdLease(client, lease))) throw new RunStop("lost");
      const written = await work(client);
      if (!written) throw new RunStop("lost");
      return written;
    });
    onProgress?.(view);
    return view;
  }

  return {
    context,
    run,
    clerk: createRetryingClerk(context, stop.signal),
    get dryRun() {
      return dryRun;
    },
    openDryRun: async () => {
      dryRun = await openDryRun(context, stop.signal);
    },
    signal: stop.signal,
    advance: (checkpoint, step) =>
      // The staging table of a dry run ends with its process, so a dry run cannot be resumed from a checkpoint.
      fenced(async (client) => {
        const { checkpoint: known = checkpoint, ...progress } = await step(client);
        return advanceRun(client, id, dryRun ? {} : known, progress);
      }),
    end: (end, step) =>
      fenced(async (client) => {
        await step(client);
        return endRun(client, id, end);
      }),
    close: () => {
      clearInterval(beats);
      // Ends the retries of a page that is still read ahead.
      interrupt();
      dryRun?.close();
      outer?.removeEventListener("abort", interrupt);
    },
  };
}
