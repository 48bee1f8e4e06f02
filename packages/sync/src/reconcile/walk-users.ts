import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@rollcall/contracts";
import { addMissingCandidates, addUndatedCandidates, nextReadSequence } from "@rollcall/db";
import type { FullSyncCheckpoint } from "./checkpoint.ts";
import { fetchPage, type WalkedPage, type WalkPosition } from "./fetch-page.ts";
import { refuseEmptyList } from "./refuse-empty-list.ts";
import type { Runner } from "./runner.ts";
import { writePage } from "./write-page.ts";

type SequencedPage = WalkedPage & { ticket: number };

/**
 * Walks over all of Clerk's users, oldest first: writes those that differ, and candidates our rows that the pages
 * lack. While a page is written the next one is on its way, and never more than that one.
 *
 * @returns the checkpoint behind a complete walk
 * @throws AppError `reconcile.list_*` when the list is empty, ends early or repeats itself
 */
export async function walkPages(runner: Runner, from: FullSyncCheckpoint): Promise<FullSyncCheckpoint> {
  let checkpoint = from;
  let mayBeHalfDone = runner.run.isResumed;
  let pending = readAhead(runner, checkpoint.position);
  for (;;) {
    const page = await pending;
    if (checkpoint.position.after === null && page.users.length === 0) await refuseEmptyList(runner);
    const taking = takePage(runner, checkpoint, { ...page, mayBeHalfDone });
    if (!page.isLast) pending = readAhead(runner, page.next, taking);
    checkpoint = await taking;
    mayBeHalfDone = false;
    if (page.isLast) {
      const late = await findLatecomers(runner, checkpoint);
      if (late === undefined) break;
      pending = Promise.resolve(late);
    }
  }
  const confirming = { ...checkpoint, phase: "confirm" } as const;
  await runner.advance(confirming, async (client) => {
    await addUndatedCandidates(client, runner.run.view.id);
    return {};
  });
  return confirming;
}

function readAhead(
  runner: Runner,
  position: WalkPosition,
  taking?: Promise<unknown>,
): Promise<SequencedPage> {
  const page = read(runner, position, taking);
  // Awaited later; until then its failure is nobody's surprise.
  page.catch(() => undefined);
  return page;
}

async function read(
  { context, clerk }: Runner,
  position: WalkPosition,
  parseAfter?: Promise<unknown>,
): Promise<SequencedPage> {
  const ticket = await nextReadSequence(context.pool);
  return { ...(await fetchPage(clerk, position, parseAfter)), ticket };
}

async function takePage(
  runner: Runner,
  checkpoint: FullSyncCheckpoint,
  page: SequencedPage & { mayBeHalfDone: boolean },
): Promise<FullSyncCheckpoint> {
  const { users, next, isLast } = page;
  runner.signal.throwIfAborted();
  const range = {
    afterMs: checkpoint.position.after?.createdAtMs ?? null,
    untilMs: isLast ? null : (next.after?.createdAtMs ?? null),
  };
  const written = await writePage(runner, { ...page, number: checkpoint.pages, range });
  const { isInStep, counts, missed } = written;
  const clerkIds = users.flatMap(({ clerkId }) => clerkId ?? []);
  const taken: FullSyncCheckpoint = {
    ...checkpoint,
    position: next,
    pages: checkpoint.pages + 1,
    seen: checkpoint.seen + users.length,
    sentinel: clerkIds.at(-1) ?? checkpoint.sentinel,
  };
  await runner.advance(taken, async (client) => {
    if (!isInStep) await addMissingCandidates(client, runner.run.view.id, { clerkIds, ...range });
    return { pages: 1, seen: users.length, counts, missed };
  });
  return taken;
}

const maxRetries = 5;
/** How far Clerk's clock and ours may be apart. */
const clockSkewMs = 60_000;

/**
 * Judges a walk that came to a short page. Complete is one that saw as many users as there were at its start, or
 * as many as there are now, since users may go while it lasts. Those who came behind its last page, while it was
 * read, are looked for; anybody older behind a short page proves that the list was cut off.
 *
 * @returns undefined when the walk is complete, else a page of latecomers
 * @throws AppError `reconcile.list_incomplete`
 */
async function findLatecomers(
  runner: Runner,
  { seen, total, position }: FullSyncCheckpoint,
): Promise<SequencedPage | undefined> {
  if (seen >= total) return undefined;
  const beganAtMs = Date.parse(runner.run.view.startedAt ?? "") - clockSkewMs;
  let now = total;
  for (let retry = 1; retry <= maxRetries; retry++) {
    now = await runner.clerk.countUsers();
    if (seen >= Math.min(total, now)) return undefined;
    const page = await read(runner, position);
    const isLate = page.users.every(({ result }) => "found" in result && result.found.created_at > beganAtMs);
    if (page.users.length > 0 && isLate) return page;
    if (page.users.length > 0) break;
    await sleep(retry * 200, undefined, { signal: runner.signal }).catch(() => undefined);
  }
  throw new AppError(
    "reconcile.list_incomplete",
    `Clerk's list ended after ${seen} of ${Math.min(total, now)} users`,
  );
}
