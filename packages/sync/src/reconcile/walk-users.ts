import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@rollcall/contracts";
import { addMissingCandidates, nextReadSequence } from "@rollcall/db";
import { z } from "zod";
import {
  fetchPage,
  refuseEmptyList,
  type WalkedPage,
  type WalkPosition,
  walkPosition,
} from "./fetch-page.ts";
import type { Runner } from "./runner.ts";
import { writePage } from "./write-page.ts";

/** The progress of a full sync over Clerk's users; part of its checkpoint. */
export const walkProgress = z.object({
  position: walkPosition,
  pages: z.number().int(),
  /** Users that Clerk counted at the start of the run, and distinct users on its pages so far. */
  total: z.number().int(),
  seen: z.number().int(),
  /** A user of the last page: an answer by id that lacks this user proves nothing. */
  sentinel: z.string().nullable(),
});

export type WalkProgress = z.infer<typeof walkProgress>;

type SequencedPage = WalkedPage & { readSequence: number };

/**
 * Walks over all of Clerk's users, oldest first. It writes the users that differ, and records live rows that the pages
 * lack as deletion candidates. While a page is written, only the next page is fetched.
 *
 * @returns the progress after a complete walk
 * @throws AppError `reconcile.list_*` when the list is empty, ends early or repeats itself
 */
export async function walkUsers(runner: Runner, from: WalkProgress): Promise<WalkProgress> {
  let progress = from;
  let mayBeHalfDone = runner.run.isResumed;
  let pending = fetchAhead(runner, progress.position);
  for (;;) {
    const page = await pending;
    if (progress.position.after === null && page.users.length === 0)
      await refuseEmptyList(runner.context.pool);
    const processing = processPage(runner, progress, { ...page, mayBeHalfDone });
    if (!page.isLast) pending = fetchAhead(runner, page.next, processing);
    progress = await processing;
    mayBeHalfDone = false;
    if (page.isLast) {
      const late = await findLatecomers(runner, progress);
      if (late === undefined) return progress;
      pending = Promise.resolve(late);
    }
  }
}

function fetchAhead(
  runner: Runner,
  position: WalkPosition,
  processing?: Promise<unknown>,
): Promise<SequencedPage> {
  const page = fetchSequenced(runner, position, processing);
  // The walk awaits the page later. Until then its failure must not end the process.
  page.catch(() => undefined);
  return page;
}

async function fetchSequenced(
  { context, clerk }: Runner,
  position: WalkPosition,
  parseAfter?: Promise<unknown>,
): Promise<SequencedPage> {
  const readSequence = await nextReadSequence(context.pool);
  return { ...(await fetchPage(clerk, position, parseAfter)), readSequence };
}

async function processPage(
  runner: Runner,
  progress: WalkProgress,
  page: SequencedPage & { mayBeHalfDone: boolean },
): Promise<WalkProgress> {
  const { users, next, isLast } = page;
  runner.signal.throwIfAborted();
  const range = {
    afterMs: progress.position.after?.createdAtMs ?? null,
    // Before the first user with a known time, the range is empty.
    untilMs: isLast ? null : (next.after?.createdAtMs ?? 0),
  };
  const { isInStep, counts, missed } = await writePage(runner, { ...page, number: progress.pages, range });
  const clerkIds = users.flatMap(({ clerkId }) => clerkId ?? []);
  const processed: WalkProgress = {
    ...progress,
    position: next,
    pages: progress.pages + 1,
    seen: progress.seen + users.length,
    sentinel: clerkIds.at(-1) ?? progress.sentinel,
  };
  await runner.advance({ ...processed, phase: "walk" }, async (client) => {
    if (!isInStep) await addMissingCandidates(client, runner.run.view.id, { clerkIds, ...range });
    return { pages: 1, seen: users.length, counts, missed };
  });
  return processed;
}

const maxRetries = 5;
/** The largest assumed difference between Clerk's clock and ours. */
const clockSkewMs = 60_000;

/**
 * Decides whether a walk that came to a short page is complete. It is when it saw as many users as Clerk counted at the
 * start, or counts now, because users may be deleted meanwhile. Users that signed up while the last page was read are
 * fetched too. An older user behind a short page proves that Clerk cut the list off.
 *
 * @returns undefined when the walk is complete, else a page of latecomers
 * @throws AppError `reconcile.list_incomplete`
 */
async function findLatecomers(
  runner: Runner,
  { seen, total, position }: WalkProgress,
): Promise<SequencedPage | undefined> {
  if (seen >= total) return undefined;
  const beganAtMs = Date.parse(runner.run.view.startedAt ?? "") - clockSkewMs;
  let now = total;
  for (let retry = 1; retry <= maxRetries; retry++) {
    now = await runner.clerk.countUsers();
    if (seen >= Math.min(total, now)) return undefined;
    const page = await fetchSequenced(runner, position);
    const isLate = page.users.every(
      ({ result }) => "found" in result && (result.found.created_at ?? 0) > beganAtMs,
    );
    if (page.users.length > 0 && isLate) return page;
    if (page.users.length > 0) break;
    await sleep(retry * 200, undefined, { signal: runner.signal }).catch(() => undefined);
  }
  throw new AppError(
    "reconcile.list_incomplete",
    `Clerk's list ended after ${seen} of ${Math.min(total, now)} users`,
  );
}
