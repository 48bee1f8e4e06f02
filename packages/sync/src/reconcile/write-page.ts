import type { ClerkUser, ListedUser } from "@rollcall/clerk";
import { AppError, type RunCounts } from "@rollcall/contracts";
import { type CreationRange, digestRows, digestSnapshots, findDrift, type UserSnapshot } from "@rollcall/db";
import { applyBatch } from "../user/apply-batch.ts";
import { decideSecondaryEmails } from "../user/rules/email.ts";
import { decideTurma } from "../user/rules/metadata.ts";
import { decideSnapshot } from "../user/rules/snapshot.ts";
import { countDrifted, type Drifted } from "./count-drifted.ts";
import { dropCaches } from "./drop-caches.ts";
import { reportUnreadable, reportWrite } from "./report.ts";
import type { Runner } from "./runner.ts";

/** Users as one answer of Clerk's showed them. */
export type Page = {
  /** Which one of the run's pages it is, from 0. */
  number: number;
  users: readonly ListedUser[];
  /** Drawn before the request left. */
  ticket: number;
  /** A runner may have died after writing it and before dropping its caches. */
  mayBeHalfDone: boolean;
  /** When the page shows all of Clerk's users that were created in it. */
  range?: CreationRange;
};

export type PageResult = {
  /** One question for the whole page told that rows and page are equal, and that no other live row is in its range. */
  isInStep: boolean;
  counts: Partial<RunCounts>;
  /** Of those that differed and do no more: who differs whatever is written is found again by each run. */
  missed: number;
};

/** A webhook that took longer than this is taken for lost; milliseconds. */
const webhookGraceMs = 10_000;

/**
 * Writes the listed users that differ from their rows, and drops their caches. A dry run only keeps what it would
 * write, and counts it at its end.
 */
export async function writePage(runner: Runner, page: Page): Promise<PageResult> {
  const { context, trial } = runner;
  const users = newestOfEach(page.users);
  const why = { cause: "reconcile", ref: String(runner.run.view.id) };
  const snapshots = users.map((user) => decideSnapshot(user, page.ticket, why));
  if (await isInStep(runner, page, snapshots))
    return { isInStep: true, counts: { unchanged: users.length }, missed: 0 };
  const drifted = await findDrifted(runner, users, snapshots);
  const unreadable = page.users.filter(({ result }) => "unreadable" in result);
  const counts = { created: 0, linked: 0, updated: 0, unchanged: 0, failed: unreadable.length };
  counts.unchanged = page.users.length - unreadable.length - drifted.length;
  if (trial) {
    await trial.collect(page.number, drifted);
    return { isInStep: false, counts, missed: countMissed(drifted) };
  }
  const outcomes = await applyDrifted(runner, drifted);
  // Half done, nothing of it differs any more.
  const touched = page.mayBeHalfDone
    ? page.users.flatMap(({ clerkId }) => clerkId ?? [])
    : [...outcomes.keys()];
  await dropCaches(runner, touched);
  const mended: Drifted[] = [];
  for (const one of drifted) {
    const { write, kind } = one;
    const outcome =
      outcomes.get(write.snapshot.clerkId) ?? new AppError("internal", "A write without an outcome");
    const counted = countDrifted(kind, outcome);
    counts[counted]++;
    if (counted !== "failed" && counted !== "unchanged") mended.push(one);
    reportWrite(context, write.snapshot, kind, outcome);
  }
  for (const user of unreadable) reportUnreadable(context, user);
  return { isInStep: false, counts, missed: countMissed(mended) };
}

/**
 * Nearly always all of a page is as it should be. Then a digest of it tells as much as its users one by one, and costs
 * neither side what it takes to hand 500 users over.
 */
async function isInStep(
  { context }: Runner,
  { users, range, mayBeHalfDone }: Page,
  snapshots: readonly UserSnapshot[],
): Promise<boolean> {
  if (!range || mayBeHalfDone || snapshots.length < users.length) return false;
  // Who was created in the same moment as the page before's last user is not in the range, and makes the digests differ.
  const ours = await digestRows(context.pool, range, context.defaults.create);
  return ours === digestSnapshots(snapshots);
}

async function findDrifted(
  { context }: Runner,
  users: readonly ClerkUser[],
  snapshots: readonly UserSnapshot[],
): Promise<Drifted[]> {
  const kinds = await findDrift(context.pool, snapshots, context.defaults.create);
  return users.flatMap((user, index) => {
    const [kind, snapshot] = [kinds.get(user.id), snapshots[index]];
    if (!kind || !snapshot) return [];
    const write = { snapshot, turma: decideTurma(user), secondaryEmails: decideSecondaryEmails(user) };
    return [{ write, kind }];
  });
}

/** Users that could be read; of one that is listed twice, the newer. */
function newestOfEach(users: readonly ListedUser[]): ClerkUser[] {
  const newest = new Map<string, ClerkUser>();
  for (const { result } of users) {
    if (!("found" in result)) continue;
    const rival = newest.get(result.found.id);
    if (!rival || rival.updated_at <= result.found.updated_at) newest.set(result.found.id, result.found);
  }
  return [...newest.values()];
}

function applyDrifted({ context }: Runner, drifted: readonly Drifted[]): ReturnType<typeof applyBatch> {
  if (drifted.length === 0) return Promise.resolve(new Map());
  return applyBatch(
    context.pool,
    drifted.map(({ write }) => write),
    context.defaults,
  );
}

/** Differences that are too old to be still on their way to us. */
function countMissed(drifted: readonly Drifted[]): number {
  const latestMs = Date.now() - webhookGraceMs;
  return drifted.filter(({ write }) => write.snapshot.clerkUpdatedAtMs < latestMs).length;
}
