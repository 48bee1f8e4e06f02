import { setTimeout as sleep } from "node:timers/promises";
import { AppError, type RunView } from "@rollcall/contracts";
import {
  addUndatedCandidates,
  dropCandidates,
  dropCandidatesOfEarlierRuns,
  dropEntryCandidates,
  dropUserCandidates,
  evaluateConflicts,
  findRun,
  listAbsent,
  raiseWatermarkToCover,
  resetRun,
} from "@rollcall/db";
import { z } from "zod";
import { confirmAbsent, deleteMissing, deletionProgress, tryDeletions } from "./delete-missing.ts";
import { fetchPage, readCreatedAtMs, refuseEmptyList, walkPosition } from "./fetch-page.ts";
import { type OrganizationProgress, organizationProgress } from "./organization-progress.ts";
import { type WalkProgress, walkProgress, wholeRange } from "./ranges.ts";
import type { Runner } from "./runner.ts";
import { countEntries, syncOrganizations } from "./sync-organizations.ts";
import { readBeginMs, walkUsers } from "./walk-users.ts";
import { invalidateSessions, reportAbsent } from "./write-page.ts";

/**
 * The checkpoint of a full sync. walk: Clerk's pages are read and written. confirm: Clerk is asked by id for each
 * deletion candidate. delete: absent users are deleted, or held. close: organizations and memberships, caches and conflicts.
 */
const fullSyncCheckpoint = walkProgress.extend({
  phase: z.enum(["walk", "confirm", "delete", "close"]),
  deletions: deletionProgress.optional(),
  /** Once the users are done, and while organizations are on. */
  organizations: organizationProgress.optional(),
});

type FullSyncCheckpoint = z.infer<typeof fullSyncCheckpoint>;

/** The checkpoint of the version that walked page after page. A run that it began goes on. */
const earlierCheckpoint = fullSyncCheckpoint
  .omit({ ranges: true })
  .extend({ position: walkPosition })
  .transform(({ position, ...rest }): FullSyncCheckpoint => {
    return { ...rest, ranges: [wholeRange(rest.total, position, rest.seen)] };
  });

const anyCheckpoint = z.union([fullSyncCheckpoint, earlierCheckpoint]);

/**
 * Makes our rows equal to all of Clerk's users, and deletes users that Clerk no longer has. No deletion is decided before
 * every page was read. Another process can resume each phase.
 *
 * @throws AppError the reason of a failure; RunStop
 */
export async function runFullSync(runner: Runner): Promise<RunView> {
  let checkpoint = readCheckpoint(runner) ?? (await begin(runner));
  if (checkpoint.phase === "walk") {
    const walked = await walkAllUsers(runner, checkpoint);
    checkpoint = { ...walked, phase: "confirm" };
    await runner.advance(checkpoint, async (client) => {
      await addUndatedCandidates(client, runner.run.view.id);
      return {};
    });
  }
  if (checkpoint.phase === "confirm") {
    const confirmed = await confirmAbsent(runner, checkpoint);
    checkpoint = { ...confirmed, phase: "delete" };
    await runner.advance(checkpoint, {});
  }
  if (checkpoint.phase === "delete") {
    if (runner.dryRun) await tryDeletions(runner, runner.dryRun);
    else await deleteMissing(runner, checkpoint);
    checkpoint = { ...checkpoint, phase: "close" };
  }
  // Memberships need the rows of their users.
  const organizations = runner.context.pool.tables.organizations
    ? await syncAfterUsers(runner, checkpoint)
    : undefined;
  return close(runner, organizations);
}

async function syncAfterUsers(runner: Runner, checkpoint: FullSyncCheckpoint): Promise<OrganizationProgress> {
  // A list of organizations that fails must not hold the users' watermark back: their rows are equal now.
  if (!runner.dryRun)
    await runner.advance(checkpoint, async (client) => {
      await raiseWatermarkToCover(client, runner.run.view.id);
      return {};
    });
  return syncOrganizations(runner, checkpoint.organizations, (progress, step) =>
    runner.advance({}, async (client) => {
      const { organizations = progress, ...amounts } = await step(client);
      return { ...amounts, checkpoint: { ...checkpoint, organizations } };
    }),
  );
}

/** @returns undefined when there is no checkpoint, or another version wrote it: then the run begins anew */
function readCheckpoint({ run, dryRun }: Runner): FullSyncCheckpoint | undefined {
  // The staging table of a dry run ended with its process.
  return dryRun ? undefined : anyCheckpoint.safeParse(run.checkpoint).data;
}

async function begin(runner: Runner): Promise<FullSyncCheckpoint> {
  const { context, clerk, run } = runner;
  const total = await clerk.countUsers();
  if (total === 0) await refuseEmptyList(context.pool);
  // A count that fails must not keep users from being compared. Their lists are read later, and fail the run then.
  const entries = await countEntries(runner).catch((error: unknown) => {
    if (error instanceof AppError) return 0;
    throw error;
  });
  const checkpoint: FullSyncCheckpoint = {
    phase: "walk",
    ranges: [wholeRange(total)],
    pages: 0,
    total,
    seen: 0,
    sentinel: null,
  };
  await runner.advance(checkpoint, async (client) => {
    await dropCandidates(client, run.view.id);
    await resetRun(client, run.view.id);
    return { total: total + entries };
  });
  return checkpoint;
}

/**
 * Walks until the walk is complete.
 *
 * @throws AppError `reconcile.list_*`
 */
async function walkAllUsers(runner: Runner, from: WalkProgress): Promise<WalkProgress> {
  let progress = await walkUsers(runner, from, runner.run.isResumed);
  while (!(await isComplete(runner, progress))) progress = await walkUsers(runner, progress, false);
  return progress;
}

const maxRetries = 5;

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
  const end = ranges.at(-1);
  if (!end) throw new AppError("internal", "A walk has no range");
  let now = total;
  for (let retry = 1; retry <= maxRetries; retry++) {
    now = await runner.clerk.countUsers();
    if (seen >= Math.min(total, now)) return true;
    const { users } = await fetchPage(runner.clerk, end);
    const isLate = users.every((user) => (readCreatedAtMs(user) ?? 0) > readBeginMs(runner));
    if (users.length > 0 && isLate) return false;
    if (users.length > 0) break;
    await sleep(retry * 200, undefined, { signal: runner.signal }).catch(() => undefined);
  }
  throw new AppError(
    "reconcile.list_incomplete",
    `Clerk's list ended after ${seen} of ${Math.min(total, now)} users`,
  );
}

const batchSize = 500;

/** Invalidates the cache keys of absent users, evaluates all open conflicts, and ends the run. */
async function close(runner: Runner, organizations: OrganizationProgress | undefined): Promise<RunView> {
  const { context, run, dryRun } = runner;
  const runId = run.view.id;
  const held = (await findRun(context.pool, runId))?.counts.held ?? 0;
  const heldEntries = organizations?.held ?? { organizations: 0, memberships: 0 };
  const heldUsers = held - heldEntries.organizations - heldEntries.memberships;
  for (let after = ""; !dryRun; ) {
    const clerkIds = await listAbsent(context.pool, runId, after, batchSize);
    const last = clerkIds.at(-1);
    if (last === undefined) break;
    after = last;
    await invalidateSessions(runner, clerkIds);
    reportAbsent(context, clerkIds, heldUsers > 0 ? "held" : "tombstoned");
  }
  const reason = describeHeld(run.view, { held, users: heldUsers, organizations });
  const end = held > 0 ? ({ state: "held", reason } as const) : ({ state: "succeeded" } as const);
  return runner.end(end, async (client) => {
    if (dryRun) return dropCandidates(client, runId);
    await evaluateConflicts(client, "reconcile");
    await dropCandidatesOfEarlierRuns(client, runId);
    // Those that are held stay until an operator confirms them. Of each kind, all are held or none.
    if (heldUsers === 0) await dropUserCandidates(client, runId);
    for (const kind of ["organizations", "memberships"] as const)
      if (heldEntries[kind] === 0) await dropEntryCandidates(client, runId, kind);
    // Every change that Clerk showed before this run began is in our rows now.
    await raiseWatermarkToCover(client, runId);
  });
}

type Held = { held: number; users: number; organizations: OrganizationProgress | undefined };

function describeHeld({ dryRun }: RunView, { held, users, organizations }: Held): string {
  const { held: others } = organizations ?? {};
  const kinds = others
    ? ` (users ${users}, organizations ${others.organizations}, memberships ${others.memberships})`
    : "";
  return dryRun
    ? `A run that writes would hold ${held} deletions${kinds}, because they are above the daily limit`
    : `${held} deletions${kinds} are above the daily limit; an admin must confirm them`;
}
