import type { ListedUser } from "@rollcall/clerk";
import {
  countAbsent,
  decideCandidates,
  holdDeletions,
  inRolledBackTransaction,
  listAbsent,
  listCandidates,
  lockAbsenceGuard,
  mayDeleteAbsent,
  nextReadSequence,
  type Queryable,
  readRecentVersions,
  recordDifferences,
  tombstoneEach,
} from "@rollcall/db";
import { z } from "zod";
import { confirmAbsence, longestListLagMs, maxIdsPerConfirmation } from "../user/confirm-absence.ts";
import type { DryRun } from "./dry-run.ts";
import type { WalkProgress } from "./ranges.ts";
import type { Runner } from "./runner.ts";
import { invalidateSessions, writePage } from "./write-page.ts";

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
    const versions = await readRecentVersions(context.pool, candidates, longestListLagMs);
    const answer = await confirmAbsence(runner.clerk, candidates, progress.sentinel, versions);
    const { present, absent, sentinel } = answer;
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

/** The part of a checkpoint that says what becomes of the absent users, once the guard has counted them. */
export const deletionProgress = z.object({
  mayDelete: z.boolean(),
  /** Users up to this id are decided. */
  after: z.string(),
  /** Users that are still to be deleted. The guard counts them as deleted: see `mayDeleteAbsent`. */
  remaining: z.number().int(),
});

type Deletions = z.infer<typeof deletionProgress>;

/**
 * Deletes the users that Clerk does not have. If they are too many, it holds all these deletions: see `mayDeleteAbsent`.
 * The guard counts them once, before the first deletion. Each page is then a transaction of its own, so no row stays locked
 * for longer than a page takes, and another process can go on behind the last page.
 *
 * @param checkpoint the run's last one
 */
export async function deleteMissing(
  runner: Runner,
  { deletions, ...progress }: WalkProgress & { deletions?: Deletions | undefined },
): Promise<void> {
  const { context, run, signal } = runner;
  const decided = deletions ?? (await countOnce(runner, progress));
  if (!decided.mayDelete) {
    // One transaction: a run that an operator cancels now holds all of them, or none.
    await runner.advance({ ...progress, phase: "close" }, async (client) => {
      return { counts: { held: await holdAll(client, run.view) } };
    });
    return;
  }
  for (let { after, remaining } = decided; ; ) {
    signal.throwIfAborted();
    const clerkIds = await listAbsent(context.pool, run.view.id, after, context.deletionsAtOnce ?? batchSize);
    const last = clerkIds.at(-1);
    if (last === undefined) break;
    after = last;
    remaining = Math.max(0, remaining - clerkIds.length);
    const next = { ...progress, phase: "delete", deletions: { mayDelete: true, after, remaining } };
    await runner.advance(next, async (client) => {
      const { deleted, refused } = await deletePage(client, run.view, clerkIds);
      return { counts: { deleted: deleted.length, failed: refused.length } };
    });
    await invalidateDeleted(runner, clerkIds);
  }
  await runner.advance({ ...progress, phase: "close" }, {});
}

/**
 * Invalidates the cache keys of one page's users. The end of the run does so for all of them, because this process may die
 * here, but a cancelled run never comes to its end. So the first attempt is made also when the run stops at this moment.
 */
async function invalidateDeleted(runner: Runner, clerkIds: readonly string[]): Promise<void> {
  try {
    await runner.context.sessionCache.invalidate(clerkIds, { onFailure: "throw" });
  } catch {
    await invalidateSessions(runner, clerkIds);
  }
}

/** Lets the guard decide, and stores the decision. From then on, other paths count these deletions too. */
async function countOnce({ advance, run: { view } }: Runner, progress: object): Promise<Deletions> {
  let deletions: Deletions = { mayDelete: true, after: "", remaining: 0 };
  await advance({}, async (client) => {
    await lockAbsenceGuard(client);
    const mayDelete = await mayDeleteAll(client, view);
    const remaining = mayDelete ? await countAbsent(client, view.id) : 0;
    deletions = { mayDelete, after: "", remaining };
    return { checkpoint: { ...progress, phase: "delete", deletions } };
  });
  return deletions;
}

/** Finds out the counts of a dry run: it writes and deletes in transactions that are rolled back. */
export async function tryDeletions(runner: Runner, dryRun: DryRun): Promise<void> {
  const { context, run, signal } = runner;
  const { counts, missed } = await dryRun.carryOut();
  const deletions = { deleted: 0, held: 0, failed: counts.failed ?? 0 };
  const mayDelete = await mayDeleteAll(context.pool, run.view);
  for (let after = ""; ; ) {
    signal.throwIfAborted();
    const clerkIds = await listAbsent(context.pool, run.view.id, after, batchSize);
    const last = clerkIds.at(-1);
    if (last === undefined) break;
    after = last;
    const { deleted, refused } = mayDelete
      ? await inRolledBackTransaction(context.pool, (client) => deletePage(client, run.view, clerkIds))
      : { deleted: [], refused: [] };
    const held = mayDelete ? [] : clerkIds;
    deletions.deleted += deleted.length;
    deletions.failed += refused.length;
    deletions.held += held.length;
    for (const clerkId of deleted) dryRun.differences.add({ clerkId, kind: "deleted", ...unread });
    for (const { clerkId, code } of refused)
      dryRun.differences.add({ clerkId, kind: "failed", ...unread, code });
    for (const clerkId of held) dryRun.differences.add({ clerkId, kind: "held", ...unread });
  }
  await runner.advance({}, async (client) => {
    await recordDifferences(client, run.view.id, dryRun.differences.list());
    return { counts: { ...counts, ...deletions }, missed };
  });
}

/** Clerk has no version of these users. */
const unread = { code: null, readSequence: null };

type View = Runner["run"]["view"];

async function mayDeleteAll(client: Queryable, { id, startedAt }: View): Promise<boolean> {
  const absent = await countAbsent(client, id);
  return absent === 0 || mayDeleteAbsent(client, absent, startedAt);
}

const originOf = ({ id }: View) => ({ cause: "reconcile", ref: String(id) });

function deletePage(client: Queryable, run: View, clerkIds: readonly string[]) {
  return tombstoneEach(client, clerkIds, { ...originOf(run), by: "absence" });
}

/** @returns the number of held deletions */
async function holdAll(client: Queryable, run: View): Promise<number> {
  let held = 0;
  for (let after = ""; ; ) {
    const clerkIds = await listAbsent(client, run.id, after, batchSize);
    const last = clerkIds.at(-1);
    if (last === undefined) return held;
    after = last;
    await holdDeletions(client, clerkIds, originOf(run));
    held += clerkIds.length;
  }
}
