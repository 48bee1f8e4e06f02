import { AppError, type ErrorCode } from "@rollcall/contracts";
import {
  type EntryKind,
  endMemberships,
  holdMemberships,
  holdOrganizations,
  inRolledBackTransaction,
  listAbsentMemberships,
  listAbsentOrganizations,
  lockAbsenceGuard,
  mayDeleteAbsentOf,
  nameMembership,
  type Queryable,
  recordDifferences,
  tombstoneOrganizations,
} from "@rollcall/db";
import type { DryRun } from "./dry-run.ts";
import type { Advance, OrganizationProgress } from "./organization-progress.ts";
import type { Runner } from "./runner.ts";
import { invalidateOrganizations, invalidateSessions } from "./write-page.ts";

/** What became of the absent entries of one kind, by name: see `Drifted` of write-entries. */
type Ends = { deleted: string[]; held: string[]; refused: { name: string; code: ErrorCode }[] };

type Decided = Record<EntryKind, Ends>;

/**
 * Ends the organizations and memberships that Clerk does not have. If they are too many, it holds all ends of that kind: see
 * `mayDeleteAbsentOf`. One transaction counts and ends them, at most one of 200 rows.
 */
export async function endMissing(
  runner: Runner,
  progress: OrganizationProgress,
  advance: Advance,
): Promise<OrganizationProgress> {
  const { context, run, dryRun } = runner;
  const runId = run.view.id;
  const toDone = (ends: Decided): OrganizationProgress => ({
    ...progress,
    phase: "done",
    held: { organizations: ends.organizations.held.length, memberships: ends.memberships.held.length },
  });
  if (dryRun) {
    // Nothing was made.
    const nothing = { organizations: 0, memberships: 0 };
    const tried = await inRolledBackTransaction(context.pool, (client) => endAll(client, runId, nothing));
    addDifferences(dryRun, tried);
    await advance(toDone(tried), async (client) => {
      await recordDifferences(client, runId, dryRun.differences.list());
      return { counts: countEnds(tried) };
    });
    return toDone(tried);
  }
  let ends: Decided | undefined;
  await advance(progress, async (client) => {
    ends = await endAll(client, runId, progress.made);
    return { counts: countEnds(ends), organizations: toDone(ends) };
  });
  if (!ends) throw new AppError("internal", "A step of a run did not run");
  for (const kind of kinds) report(runner, kind, ends[kind]);
  return toDone(ends);
}

/** Drops the cached answers about all absent entries of the run. The runner that ended them may have died before it did so. */
export async function invalidateAbsent(runner: Runner): Promise<void> {
  const { pool } = runner.context;
  const runId = runner.run.view.id;
  const memberships = await listAbsentMemberships(pool, runId);
  await invalidateOrganizations(runner, await listAbsentOrganizations(pool, runId));
  await invalidateSessions(runner, [...new Set(memberships.map(({ clerkId }) => clerkId))]);
}

const kinds = ["organizations", "memberships"] as const;

/** Organizations come first: the order of locks, and a membership that ends with its organization counts against no guard. */
async function endAll(
  client: Queryable,
  runId: number,
  made: OrganizationProgress["made"],
): Promise<Decided> {
  const why = { by: "absence", cause: "reconcile", ref: String(runId) } as const;
  await lockAbsenceGuard(client);
  const organizations: Ends = { deleted: [], held: [], refused: [] };
  const clerkOrgIds = await listAbsentOrganizations(client, runId);
  if (clerkOrgIds.length > 0) {
    if (await mayDeleteAbsentOf(client, "organization_states", clerkOrgIds.length, made.organizations)) {
      const { deleted, refused } = await tombstoneOrganizations(client, clerkOrgIds, why);
      organizations.deleted = deleted;
      organizations.refused = refused.map(({ clerkOrgId, code }) => ({ name: clerkOrgId, code }));
    } else {
      await holdOrganizations(client, clerkOrgIds, why);
      organizations.held = clerkOrgIds;
    }
  }
  const memberships: Ends = { deleted: [], held: [], refused: [] };
  const absent = await listAbsentMemberships(client, runId);
  if (absent.length > 0) {
    if (await mayDeleteAbsentOf(client, "membership_states", absent.length, made.memberships)) {
      const { ended, refused } = await endMemberships(client, absent, why);
      memberships.deleted = ended.map(nameMembership);
      memberships.refused = refused.map(({ code, ...pair }) => ({ name: nameMembership(pair), code }));
    } else {
      await holdMemberships(client, absent, why);
      memberships.held = absent.map(nameMembership);
    }
  }
  return { organizations, memberships };
}

function countEnds(ends: Decided): { deleted: number; held: number; failed: number } {
  const sum = (of: (one: Ends) => readonly unknown[]) =>
    kinds.reduce((total, kind) => total + of(ends[kind]).length, 0);
  return {
    deleted: sum(({ deleted }) => deleted),
    held: sum(({ held }) => held),
    failed: sum(({ refused }) => refused),
  };
}

function addDifferences({ differences }: DryRun, ends: Decided): void {
  for (const kind of kinds) {
    const { deleted, held, refused } = ends[kind];
    // Clerk has no version of these.
    const unread = { code: null, readSequence: null };
    for (const clerkId of deleted) differences.add({ clerkId, kind: "deleted", ...unread });
    for (const clerkId of held) differences.add({ clerkId, kind: "held", ...unread });
    for (const { name, code } of refused)
      differences.add({ clerkId: name, kind: "failed", code, readSequence: null });
  }
}

function report({ context: { log, metrics }, run }: Runner, kind: EntryKind, ends: Ends): void {
  const { deleted, held, refused } = ends;
  const label = kind === "organizations" ? "extra_organization" : "extra_membership";
  metrics.count("rollcall_reconcile_drift_total", { kind: label }, deleted.length + held.length);
  const facts = { cause: "reconcile", kind, runId: run.view.id } as const;
  if (deleted.length > 0)
    log.info({ event: "organizations_ended", ...facts, ids: deleted }, "Clerk no longer has these");
  if (held.length > 0)
    log.warn({ event: "deletion_held", ...facts, held: held.length }, "Their ends are above the daily limit");
  for (const { name, code } of refused)
    log.error({ event: "organization_sync_failed", ...facts, id: name, code }, "An end was refused");
}
