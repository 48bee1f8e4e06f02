import type { ClerkUser, ListedUser } from "@rollcall/clerk";
import { AppError, type RunCounts } from "@rollcall/contracts";
import { type DriftKind, findDrift } from "@rollcall/db";
import { applyBatch, type UserWrite, type WriteOutcome } from "../apply-batch.ts";
import { decideSecondaryEmails } from "../rules/email.ts";
import { decideTurma } from "../rules/metadata.ts";
import { decideSnapshot } from "../rules/snapshot.ts";
import { askPostgres } from "../time-limit.ts";
import { dropCaches } from "./drop-caches.ts";
import { reportUnreadable, reportWrite } from "./report.ts";
import type { Runner } from "./runner.ts";

/** A user whose rows differ from Clerk, and what would make them equal. */
export type Drifted = { write: UserWrite; kind: DriftKind };

export type PageResult = { counts: Partial<RunCounts>; missed: number; drifted: number };

/** A webhook that took longer than this is taken for lost; milliseconds. */
const webhookGraceMs = 10_000;

/** Which of the listed users differ from their rows. */
export async function findDrifted(
  { context, run }: Runner,
  users: readonly ListedUser[],
  ticket: number,
): Promise<Drifted[]> {
  const why = { cause: "reconcile", ref: String(run.view.id) };
  const writes = newestOfEach(users).map((user) => ({
    snapshot: decideSnapshot(user, ticket, why),
    turma: decideTurma(user),
    secondaryEmails: decideSecondaryEmails(user),
  }));
  const snapshots = writes.map(({ snapshot }) => snapshot);
  const kinds = await askPostgres(findDrift(context.pool, snapshots, context.defaults.create));
  return writes.flatMap((write) => {
    const kind = kinds.get(write.snapshot.clerkId);
    return kind ? [{ write, kind }] : [];
  });
}

/** Users that could be read; of one that is listed twice, the newer. */
function newestOfEach(users: readonly ListedUser[]): ClerkUser[] {
  const newest = new Map<string, ClerkUser>();
  for (const { reading } of users) {
    if (!("found" in reading)) continue;
    const rival = newest.get(reading.found.id);
    if (!rival || rival.updated_at <= reading.found.updated_at) newest.set(reading.found.id, reading.found);
  }
  return [...newest.values()];
}

/**
 * Writes the listed users that differ from their rows, and drops their caches.
 *
 * @param dropAll also the caches of users that do not differ: an earlier runner may have died in between
 */
export async function writePage(
  runner: Runner,
  users: readonly ListedUser[],
  ticket: number,
  dropAll: boolean,
): Promise<PageResult> {
  const { context } = runner;
  const drifted = await findDrifted(runner, users, ticket);
  const writes = drifted.map(({ write }) => write);
  const outcomes =
    writes.length > 0 ? await applyBatch(context.pool, writes, context.defaults) : new Map<string, never>();
  const touched = dropAll ? users.flatMap(({ clerkId }) => clerkId ?? []) : [...outcomes.keys()];
  await dropCaches(runner, touched);
  for (const { write, kind } of drifted) {
    reportWrite(context, write.snapshot, kind, getOutcome(outcomes, write));
  }
  const unreadable = users.filter(({ reading }) => "unreadable" in reading);
  for (const user of unreadable) reportUnreadable(context, user);
  return {
    counts: sumUp(users, drifted, outcomes),
    missed: countMissed(drifted),
    drifted: drifted.length,
  };
}

/** Counts every listed user once. */
export function sumUp(
  users: readonly ListedUser[],
  drifted: readonly Drifted[],
  outcomes: ReadonlyMap<string, WriteOutcome>,
): Partial<RunCounts> {
  const failed = users.filter(({ reading }) => "unreadable" in reading).length;
  const counts = {
    created: 0,
    linked: 0,
    updated: 0,
    unchanged: users.length - failed - drifted.length,
    failed,
  };
  for (const { write, kind } of drifted) counts[decideCount(kind, getOutcome(outcomes, write))]++;
  return counts;
}

function getOutcome(outcomes: ReadonlyMap<string, WriteOutcome>, { snapshot }: UserWrite): WriteOutcome {
  return outcomes.get(snapshot.clerkId) ?? new AppError("internal", "A write returned no outcome for an id");
}

/** What a user counts as. Created is a row or a profile; linked, a profile that was waiting. */
function decideCount(
  kind: DriftKind,
  outcome: WriteOutcome,
): "created" | "linked" | "updated" | "unchanged" | "failed" {
  if (outcome instanceof AppError) return "failed";
  if (outcome === "linked" || outcome === "created") return outcome;
  // Tombstones are final, whatever a list says that was read before the deletion.
  if (outcome === "deleted") return "unchanged";
  if (kind === "missing_row") return "created";
  return kind === "older_row" ? "updated" : "unchanged";
}

/** Differences that are too old to be still on their way to us. */
export function countMissed(drifted: readonly Drifted[]): number {
  const latestMs = Date.now() - webhookGraceMs;
  return drifted.filter(({ write }) => write.snapshot.clerkUpdatedAtMs < latestMs).length;
}
