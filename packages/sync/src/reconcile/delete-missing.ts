import type { ListedUser } from "@rollcall/clerk";
import {
  countAbsent,
  decideCandidates,
  type FoundDifference,
  holdDeletions,
  inRolledBackTransaction,
  listAbsent,
  listCandidates,
  lockAbsenceGuard,
  mayDeleteAbsent,
  mostDifferences,
  nextReadSequence,
  type Queryable,
  recordDifferences,
  tombstoneEach,
} from "@rollcall/db";
import { confirmAbsence, maxIdsPerConfirmation } from "../user/confirm-absence.ts";
import type { DryRun } from "./dry-run.ts";
import type { WalkProgress } from "./ranges.ts";
import type { Runner } from "./runner.ts";
import { writePage } from "./write-page.ts";

/**
 * Asks Clerk by id for each deletion candidate. A page may be older than a row that it lacks, but this request is younger
 * than every row that it decides about. A candidate that Clerk still has is written like the users of a page.
 */
export async function confirmAbsent(runner: Runner, from: WalkProgress): Promise<WalkProgress> {
  const { context, run } = runner;
  const runId = run.view.id;
  let progress = from;
  for (;;) {
    const candidates = await listCandidates(context.pool, runId, maxIdsPerConfirmation);
    if (candidates.length === 0) return progress;
    const readSequence = await nextReadSequence(context.pool);
    const { present, absent, sentinel } = await confirmAbsence(runner.clerk, candidates, progress.sentinel);
    const page = { number: progress.pages, users: present, readSequence, mayBeHalfDone: run.isResumed };
    const { counts, missed } = await writePage(runner, page);
    progress = { ...progress, pages: progress.pages + 1, sentinel };
    await runner.advance({ ...progress, phase: "confirm" }, async (client) => {
      await decideCandidates(client, runId, { absent, present: toIds(present) });
      // Most present candidates were on a page too, under another creation time, and were counted there.
      return { counts: { ...counts, unchanged: 0 }, missed };
    });
  }
}

export function toIds(listed: readonly ListedUser[]): string[] {
  return listed.flatMap(({ clerkId }) => clerkId ?? []);
}

const batchSize = 500;

/**
 * Deletes the users that Clerk does not have, in one transaction. If they are too many, it holds all these deletions: see
 * `mayDeleteAbsent`.
 *
 * @param next the checkpoint behind the deletions
 */
export async function deleteMissing(runner: Runner, next: unknown): Promise<void> {
  const { view } = runner.run;
  await runner.advance(next, async (client) => {
    await lockAbsenceGuard(client);
    return { counts: await deleteOrHold(client, view) };
  });
}

/** Finds out the counts of a dry run: it writes and deletes in transactions that are rolled back. */
export async function tryDeletions(runner: Runner, dryRun: DryRun): Promise<void> {
  const { context, run } = runner;
  const { counts, missed } = await dryRun.carryOut();
  const found: FoundDifference[] = [];
  const deletions = await inRolledBackTransaction(context.pool, (client) => {
    found.length = 0;
    return deleteOrHold(client, run.view, (difference) => {
      if (found.length < mostDifferences) found.push(difference);
    });
  });
  for (const difference of found) dryRun.differences.add(difference);
  const failed = (counts.failed ?? 0) + deletions.failed;
  await runner.advance({}, async (client) => {
    await recordDifferences(client, run.view.id, dryRun.differences.list());
    return { counts: { ...counts, ...deletions, failed }, missed };
  });
}

/** Clerk has no version of these users. */
const unread = { code: null, readSequence: null };

async function deleteOrHold(
  client: Queryable,
  run: Runner["run"]["view"],
  onDecided: (difference: FoundDifference) => void = () => undefined,
) {
  const absent = await countAbsent(client, run.id);
  const mayDelete = absent === 0 || (await mayDeleteAbsent(client, absent, run.startedAt));
  const origin = { cause: "reconcile", ref: String(run.id) };
  const counts = { deleted: 0, held: 0, failed: 0 };
  for (let after = ""; ; ) {
    const clerkIds = await listAbsent(client, run.id, after, batchSize);
    const last = clerkIds.at(-1);
    if (last === undefined) return counts;
    after = last;
    const found = mayDelete
      ? await tombstoneEach(client, clerkIds, { ...origin, by: "absence" })
      : { deleted: [], refused: [] };
    if (!mayDelete) await holdDeletions(client, clerkIds, origin);
    const held = mayDelete ? [] : clerkIds;
    counts.deleted += found.deleted.length;
    counts.failed += found.refused.length;
    counts.held += held.length;
    for (const clerkId of found.deleted) onDecided({ clerkId, kind: "deleted", ...unread });
    for (const { clerkId, code } of found.refused) onDecided({ clerkId, kind: "failed", ...unread, code });
    for (const clerkId of held) onDecided({ clerkId, kind: "held", ...unread });
  }
}
