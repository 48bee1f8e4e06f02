import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { maxUsersPerPage } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import { addMissingCandidates, nextReadSequence } from "@rollcall/db";
import { z } from "zod";
import {
  fetchPage,
  findCreationTime,
  findUserAfter,
  type Lister,
  readCreatedAtMs,
  refuseEmptyList,
  type WalkPlace,
} from "./fetch-page.ts";
import { type WalkRange, walkRange } from "./ranges.ts";
import { createRequestGate, createRetryingClerk, type RetryingClerk } from "./retrying-clerk.ts";
import type { Runner } from "./runner.ts";
import type { Turn } from "./slots.ts";
import { type Lane, type SequencedPage, type WalkSteps, walkRanges } from "./walk-ranges.ts";
import { type PageResult, writePage } from "./write-page.ts";

/** The progress of a full sync over Clerk's users; part of its checkpoint. */
export const walkProgress = z.object({
  /** In the order of creation, without gaps. The last one has no end; the others are left out once they are walked. */
  ranges: z.array(walkRange).min(1),
  pages: z.number().int(),
  /** Users that Clerk counted at the start of the run, and distinct users on its pages so far. */
  total: z.number().int(),
  seen: z.number().int(),
  /** A user of the last page: an answer by id that lacks this user proves nothing. */
  sentinel: z.string().nullable(),
});

export type WalkProgress = z.infer<typeof walkProgress>;

/** The default of RECONCILE_CONCURRENCY. With Clerk at 250 ms a page, it uses up the budget of a production key. */
const defaultConcurrency = 16;
/** A cut costs two requests, so it must spare more of them. */
const defaultSmallestPart = 5 * maxUsersPerPage;
/**
 * Pages that are parsed and written at once: while Postgres works on one, this process parses the other. Each takes memory,
 * and a connection that sync jobs need too.
 */
const mostPagesAtOnce = 2;

/**
 * Walks over all of Clerk's users, several ranges of creation time at once. It writes the users that differ, and records
 * live rows that the pages lack as deletion candidates.
 *
 * @returns the progress after a complete walk
 * @throws AppError `reconcile.list_*` when the list is empty, ends early or repeats itself
 */
export async function walkUsers(runner: Runner, from: WalkProgress): Promise<WalkProgress> {
  let progress = from;
  let mayBeHalfDone = runner.run.isResumed;
  for (;;) {
    progress = await walkAllRanges(runner, progress, mayBeHalfDone);
    if (await isComplete(runner, progress)) return progress;
    mayBeHalfDone = false;
  }
}

async function walkAllRanges(
  runner: Runner,
  from: WalkProgress,
  mayBeHalfDone: boolean,
): Promise<WalkProgress> {
  const { context, signal, dryRun } = runner;
  const { concurrency = defaultConcurrency, smallestPart = defaultSmallestPart, pool } = context;
  // A dry run predicts the order of the pages, so it collects one after the other.
  const pagesAtOnce = dryRun ? 1 : Math.min(mostPagesAtOnce, Math.max(1, Math.floor(pool.max / 3)));
  const stop = new AbortController();
  // Each lane listens. Without this, Node warns of a leak.
  setMaxListeners(0, stop.signal);
  const stopToo = () => stop.abort(signal.reason);
  if (signal.aborted) stopToo();
  signal.addEventListener("abort", stopToo);
  const gate = createRequestGate(context, stop.signal);
  const openLane = () => createLane(runner, createRetryingClerk(context, stop.signal, gate));
  const { steps, readProgress } = createSteps(runner, from, openLane);
  const ranges = { ranges: from.ranges, mayBeHalfDone };
  try {
    await walkRanges(steps, ranges, { concurrency, pagesAtOnce, smallestPart }, stop);
    return readProgress();
  } finally {
    signal.removeEventListener("abort", stopToo);
  }
}

/** A lane has its own size of pages: where users are large, only this lane's pages are small. */
function createLane(runner: Runner, clerk: RetryingClerk): Lane {
  const { pool } = runner.context;
  return {
    fetch: async (place, turn) => {
      const page = await fetchSequenced(runner, clerk, place, turn);
      const isFirst = place.afterMs === null && place.position.after === null;
      if (isFirst && page.users.length === 0) await refuseEmptyList(pool);
      return page;
    },
    findCreationTime: (rank) => findCreationTime(clerk, rank),
    isCutOff: async (afterMs) => {
      const user = await findUserAfter(clerk, afterMs);
      return user !== undefined && (readCreatedAtMs(user) ?? 0) <= getBeginMs(runner);
    },
  };
}

async function fetchSequenced(
  { context }: Runner,
  clerk: RetryingClerk,
  place: WalkPlace,
  turn?: Turn,
): Promise<SequencedPage> {
  const readSequence = await nextReadSequence(context.pool);
  const lister: Lister = { listPage: (query) => clerk.listPage(query, turn) };
  return { ...(await fetchPage(lister, place)), readSequence };
}

function createSteps(
  runner: Runner,
  from: WalkProgress,
  openLane: () => Lane,
): { steps: WalkSteps<PageResult>; readProgress: () => WalkProgress } {
  let progress = from;
  let number = from.pages;
  const steps: WalkSteps<PageResult> = {
    openLane,
    write: (page) => writePage(runner, { ...page, number: number++ }),
    store: async (ranges, stored) => {
      const clerkIds = stored?.page.users.flatMap(({ clerkId }) => clerkId ?? []) ?? [];
      const next: WalkProgress = {
        ...progress,
        ranges,
        pages: progress.pages + (stored ? 1 : 0),
        seen: progress.seen + (stored?.page.users.length ?? 0),
        sentinel: clerkIds.at(-1) ?? progress.sentinel,
      };
      await runner.advance({ ...next, phase: "walk" }, async (client) => {
        if (!stored) return {};
        const { page, written } = stored;
        const { isInStep, counts, missed } = written;
        if (!isInStep) await addMissingCandidates(client, runner.run.view.id, { clerkIds, ...page.range });
        return { pages: 1, seen: page.users.length, counts, missed };
      });
      progress = next;
    },
  };
  return { steps, readProgress: () => progress };
}

const maxRetries = 5;
/** The largest assumed difference between Clerk's clock and ours. */
const clockSkewMs = 60_000;

const getBeginMs = ({ run }: Runner) => Date.parse(run.view.startedAt ?? "") - clockSkewMs;

/**
 * Decides whether a walk that came to a short page is complete. It is when it saw as many users as Clerk counted at the
 * start, or counts now, because users may be deleted meanwhile. Users that signed up while the last page was read are
 * walked too. An older user behind a short page proves that Clerk cut the list off.
 *
 * @returns false when there are users behind the end of the walk
 * @throws AppError `reconcile.list_incomplete`
 */
async function isComplete(runner: Runner, { seen, total, ranges }: WalkProgress): Promise<boolean> {
  if (seen >= total) return true;
  let now = total;
  for (let retry = 1; retry <= maxRetries; retry++) {
    now = await runner.clerk.countUsers();
    if (seen >= Math.min(total, now)) return true;
    const { users } = await fetchPage(runner.clerk, getEnd(ranges));
    const isLate = users.every((user) => (readCreatedAtMs(user) ?? 0) > getBeginMs(runner));
    if (users.length > 0 && isLate) return false;
    if (users.length > 0) break;
    await sleep(retry * 200, undefined, { signal: runner.signal }).catch(() => undefined);
  }
  throw new AppError(
    "reconcile.list_incomplete",
    `Clerk's list ended after ${seen} of ${Math.min(total, now)} users`,
  );
}

function getEnd(ranges: readonly WalkRange[]): WalkRange {
  const last = ranges.at(-1);
  if (!last) throw new AppError("internal", "A walk has no range");
  return last;
}
