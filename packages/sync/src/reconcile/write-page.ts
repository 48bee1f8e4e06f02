import type { ClerkUser, ListedUser } from "@rollcall/clerk";
import { AppError, type LogEvent, nameProfileEvent, type RunCounts } from "@rollcall/contracts";
import {
  type CreationRange,
  type DriftKind,
  digestRows,
  digestSnapshots,
  type FoundDifference,
  findDrift,
  type Pool,
  type ProfileDefaults,
  type UserSnapshot,
} from "@rollcall/db";
import type { Logger, Metrics } from "@rollcall/observability";
import { countPostgresError } from "../count-postgres-error.ts";
import type { SessionCache } from "../ensure/session-cache.ts";
import { decideSnapshot, decideWrite, type UserWrite } from "../user/rules.ts";
import { type WriteOutcome, writeNewUsers, writeUsers } from "../user/write-users.ts";
import { type RetryContext, withRetry } from "./retrying-clerk.ts";

/** The services of a page's write. */
export type PageContext = RetryContext & {
  pool: Pool;
  defaults: ProfileDefaults;
  sessionCache: SessionCache;
  log: Logger;
  metrics: Metrics;
};

/** The part of a runner that a page's write needs. */
type PageWriter = {
  context: PageContext;
  run: { view: { id: number } };
  signal: AbortSignal;
  /** Set in a dry run: drifted users are collected and not written. */
  dryRun:
    | { collect(page: number, drifted: readonly DriftedUser[]): Promise<void>; differences: Differences }
    | undefined;
};

/** The users that a dry run would change, and no more of them than are kept. */
export type Differences = { add(difference: FoundDifference): void; list(): readonly FoundDifference[] };

/** A user whose rows differ from Clerk, and the write that makes them equal. */
export type DriftedUser = { write: UserWrite; kind: DriftKind };

/** The users of one answer from Clerk. */
export type Page = {
  /** The page's number in the run, from 0. */
  number: number;
  users: readonly ListedUser[];
  /** Drawn before the request left. */
  readSequence: number;
  /** A runner may have died after the write of this page and before the invalidation of its cache keys. */
  mayBeHalfDone: boolean;
  /** Set when the page shows every user at Clerk that was created in this range. */
  range?: CreationRange;
  /** Set by the incremental sync: the lag of changes from this time on is observed. Milliseconds. */
  lagFromMs?: number;
};

export type PageResult = {
  /** No other live row is in the page's range, so none of them is a deletion candidate. */
  coversRange: boolean;
  counts: Partial<RunCounts>;
  /**
   * Users that webhooks missed and this page repaired. A user that still differs is found again by each run. A dry run
   * counts them at its end, because without a repair it finds one user on several pages.
   */
  missed: number;
};

/**
 * Writes the listed users that differ from their rows, and invalidates their cache keys. A dry run collects these writes
 * and counts them at its end.
 */
export async function writePage(writer: PageWriter, page: Page): Promise<PageResult> {
  const { context, dryRun } = writer;
  const users = newestOfEach(page.users);
  const origin = { cause, ref: String(writer.run.view.id) };
  const snapshots = users.map((user) => decideSnapshot(user, page.readSequence, origin));
  const digest = await compareDigests(context, page, snapshots);
  if (digest === "equal") return { coversRange: true, counts: { unchanged: users.length }, missed: 0 };
  const isNew = digest === "no_rows" && !dryRun && users.length > mostReportedUsers;
  const fresh = isNew ? await writeNew(writer, users, snapshots) : noneFresh;
  const drifted = await findDrifted(context, users, snapshots, fresh);
  const unreadable = page.users.filter(({ result }) => "unreadable" in result);
  const counts = {
    created: fresh.done.length,
    linked: 0,
    updated: 0,
    unchanged: 0,
    failed: unreadable.length,
  };
  counts.unchanged = page.users.length - unreadable.length - drifted.length - fresh.done.length;
  if (dryRun) {
    await dryRun.collect(page.number, drifted);
    for (const { clerkId, result } of unreadable) {
      if (clerkId === null || !("unreadable" in result)) continue;
      const { code } = result.unreadable;
      dryRun.differences.add({ clerkId, kind: "failed", code, readSequence: page.readSequence });
    }
    return { coversRange: false, counts, missed: 0 };
  }
  const outcomes = await writeDrifted(context, drifted);
  // On a page that was half done, the written users do not differ any more.
  const touched = page.mayBeHalfDone
    ? page.users.flatMap(({ clerkId }) => clerkId ?? [])
    : [...outcomes.keys(), ...fresh.done.map(({ write }) => write.snapshot.clerkId)];
  // New users too: the app may have deleted their earlier rows a moment ago.
  await invalidateSessions(writer, touched);
  const altered = await findAltered(context, drifted, outcomes);
  const repaired = [...fresh.done];
  for (const one of drifted) {
    const { write, kind } = one;
    const outcome =
      outcomes.get(write.snapshot.clerkId) ??
      new AppError("internal", "A write returned no outcome for an id");
    const counted = classifyWrite(kind, outcome);
    counts[counted]++;
    const isAltered = altered.has(write.snapshot.clerkId);
    if (counted !== "failed" && counted !== "unchanged" && !isAltered) {
      repaired.push(one);
      observeLag(context, page, write.snapshot);
    }
    reportWrite(context, write.snapshot, kind, outcome);
    if (isAltered) reportAltered(context, write.snapshot);
  }
  for (const { clerkId, result } of unreadable)
    if ("unreadable" in result) reportFailure(context, clerkId, result.unreadable);
  // The rows of all of them are newer than the digest, which found no other one.
  const coversRange = fresh.done.length === page.users.length;
  return { coversRange, counts, missed: countMissed(repaired) };
}

/**
 * Compares the page with its rows by one digest. Most pages have no drift, and the digest avoids sending 500 users to
 * Postgres.
 */
async function compareDigests(
  { pool, defaults }: PageContext,
  { users, range, mayBeHalfDone }: Page,
  snapshots: readonly UserSnapshot[],
): Promise<"equal" | "no_rows" | "different"> {
  if (!range || mayBeHalfDone || snapshots.length < users.length) return "different";
  // A user of the range's first millisecond may be on the page before. Then the digests differ, and users are compared.
  const rows = await digestRows(pool, range, defaults.create);
  if (rows === digestSnapshots(pool, snapshots)) return "equal";
  return rows === digestSnapshots(pool, []) ? "no_rows" : "different";
}

/** Users that got their rows from this page. */
type FreshUsers = {
  /** They need no further write. */
  done: readonly DriftedUser[];
  /** They still need the whole write. */
  begun: readonly DriftedUser[];
};

const noneFresh: FreshUsers = { done: [], begun: [] };

/** A page with more new users than these is reported as one. */
const mostReportedUsers = 50;

/**
 * Writes the users of a page that has no rows yet. A user that is known all the same, or needs more than a new row and
 * profile, is left to the write.
 */
async function writeNew(
  { context }: PageWriter,
  users: readonly ClerkUser[],
  snapshots: readonly UserSnapshot[],
): Promise<FreshUsers> {
  const { pool, defaults } = context;
  const writes = users.flatMap((user, index) => {
    const snapshot = snapshots[index];
    return snapshot ? [decideWrite(user, snapshot, pool.tables)] : [];
  });
  const inserted = await writeNewUsers(pool, writes, defaults);
  const fresh = writes
    .filter(({ snapshot }) => inserted.has(snapshot.clerkId))
    .map((write): DriftedUser => ({ write, kind: "missing_row" }));
  const isDone = ({ write }: DriftedUser) => inserted.get(write.snapshot.clerkId) !== null;
  const done = fresh.filter(isDone);
  reportNew(context, done, inserted);
  return { done, begun: fresh.filter((one) => !isDone(one)) };
}

/** Logs and counts the new users of a page together; up to 50 of them one by one. */
function reportNew(
  context: PageContext,
  done: readonly DriftedUser[],
  inserted: Awaited<ReturnType<typeof writeNewUsers>>,
): void {
  const { log, metrics } = context;
  const [first] = done;
  if (!first || done.length <= mostReportedUsers) {
    for (const { write, kind } of done) {
      const outcome = inserted.get(write.snapshot.clerkId);
      if (outcome) reportWrite(context, write.snapshot, kind, outcome);
    }
    return;
  }
  const clerkIds = done.map(({ write }) => write.snapshot.clerkId);
  const outcomes: Record<string, number> = {};
  for (const clerkId of clerkIds) {
    const outcome = inserted.get(clerkId);
    if (outcome) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  metrics.count("rollcall_reconcile_drift_total", { kind: "missing_row" }, done.length);
  for (const [outcome, count] of Object.entries(outcomes))
    metrics.count("rollcall_provision_total", { cause, outcome }, count);
  const facts = { event: "users_created", cause, runId: first.write.snapshot.ref } as const;
  log.info({ ...facts, users: done.length, outcomes }, "New users reconciled");
  log.debug({ ...facts, clerkIds }, "The new users of a page");
}

async function findDrifted(
  { pool, defaults }: PageContext,
  users: readonly ClerkUser[],
  snapshots: readonly UserSnapshot[],
  { done, begun }: FreshUsers,
): Promise<DriftedUser[]> {
  const fresh = new Set([...done, ...begun].map(({ write }) => write.snapshot.clerkId));
  const known = users.flatMap((user, index) => {
    const snapshot = snapshots[index];
    return snapshot && !fresh.has(user.id) ? [{ user, snapshot }] : [];
  });
  if (known.length === 0) return [...begun];
  const kinds = await findDrift(
    pool,
    known.map(({ snapshot }) => snapshot),
    defaults.create,
  );
  const drifted = known.flatMap(({ user, snapshot }) => {
    const kind = kinds.get(user.id);
    return kind ? [{ write: decideWrite(user, snapshot, pool.tables), kind }] : [];
  });
  return [...begun, ...drifted];
}

/** The readable users; of a user that is listed twice, the newer version. */
function newestOfEach(users: readonly ListedUser[]): ClerkUser[] {
  const newest = new Map<string, ClerkUser>();
  for (const { result } of users) {
    if (!("found" in result)) continue;
    const rival = newest.get(result.found.id);
    if (!rival || (rival.updated_at ?? -1) <= (result.found.updated_at ?? -1))
      newest.set(result.found.id, result.found);
  }
  return [...newest.values()];
}

function writeDrifted(
  { pool, defaults }: PageContext,
  drifted: readonly DriftedUser[],
): ReturnType<typeof writeUsers> {
  if (drifted.length === 0) return Promise.resolve(new Map());
  return writeUsers(
    pool,
    drifted.map(({ write }) => write),
    defaults,
  );
}

/**
 * The written users whose rows still differ, because a trigger of the app changes what is written. Each full sync finds
 * them again, and no webhook was missed.
 */
async function findAltered(
  { pool, defaults }: PageContext,
  drifted: readonly DriftedUser[],
  outcomes: ReadonlyMap<string, WriteOutcome>,
): Promise<ReadonlySet<string>> {
  const written = drifted.flatMap(({ kind, write: { snapshot } }) =>
    kind === "older_row" && !(outcomes.get(snapshot.clerkId) instanceof AppError) ? [snapshot] : [],
  );
  if (written.length === 0) return new Set();
  // A row with the read sequence of the snapshot is as new, and would not be compared.
  const next = written.map((snapshot) => ({ ...snapshot, readTicket: snapshot.readTicket + 1 }));
  const kinds = await findDrift(pool, next, defaults.create);
  return new Set([...kinds].flatMap(([clerkId, kind]) => (kind === "older_row" ? [clerkId] : [])));
}

/** The webhook of an older change counts as lost; milliseconds. */
const webhookGraceMs = 10_000;

/** The users whose change is older than a webhook takes. */
export function countMissed(drifted: readonly DriftedUser[]): number {
  const latestMs = Date.now() - webhookGraceMs;
  // Of an unreadable time it is unknown whether a webhook was due.
  return drifted.filter(({ write }) => (write.snapshot.clerkUpdatedAtMs ?? latestMs) < latestMs).length;
}

/**
 * Deletes the cache keys of users whose rows may have changed. While the cache is away, the run waits for it.
 *
 * @throws AppError `queue.unavailable` when it stays away
 */
export async function invalidateSessions(
  { context, signal }: Pick<PageWriter, "context" | "signal">,
  clerkIds: readonly string[],
): Promise<void> {
  if (clerkIds.length === 0) return;
  await withRetry(context, signal, () => context.sessionCache.invalidate(clerkIds, { onFailure: "throw" }));
}

/** The same for organizations: no member may get an answer from before the change. */
export async function invalidateOrganizations(
  { context, signal }: Pick<PageWriter, "context" | "signal">,
  clerkOrgIds: readonly string[],
): Promise<void> {
  if (clerkOrgIds.length === 0) return;
  const { organizations } = context.sessionCache;
  await withRetry(context, signal, () => organizations.invalidate(clerkOrgIds, { onFailure: "throw" }));
}

/** The count of a run that a drifted user adds to. Created: a row or a profile. Linked: an unclaimed profile. */
export function classifyWrite(
  kind: DriftKind,
  outcome: WriteOutcome | undefined,
): Exclude<keyof RunCounts, "deleted" | "held"> {
  if (outcome === undefined || outcome instanceof AppError) return "failed";
  if (outcome === "linked" || outcome === "created") return outcome;
  // Tombstones are final, also when a list that was read before the deletion shows the user.
  if (outcome === "deleted") return "unchanged";
  if (kind === "missing_row") return "created";
  return kind === "older_row" ? "updated" : "unchanged";
}

const cause = "reconcile";

/** Logs and counts a drifted user, under the names that sync jobs use too. */
function reportWrite(
  context: PageContext,
  { clerkId, ref }: UserSnapshot,
  kind: DriftKind,
  outcome: WriteOutcome,
): void {
  const { log, metrics } = context;
  metrics.count("rollcall_reconcile_drift_total", { kind });
  if (outcome instanceof AppError) {
    reportFailure(context, clerkId, outcome);
    return;
  }
  metrics.count("rollcall_provision_total", { cause, outcome });
  const isProvisioned = outcome === "created" || outcome === "linked";
  const event: LogEvent = isProvisioned
    ? nameProfileEvent(outcome, context.pool.tables.profileName)
    : "user_synced";
  log.info({ event, clerkId, cause, outcome, kind, runId: ref }, "User reconciled");
}

function reportAltered({ pool, log }: PageContext, { clerkId, ref }: UserSnapshot): void {
  const { label } = pool.tables.users;
  log.warn(
    { event: "user_altered_by_app", clerkId, cause, runId: ref },
    `A trigger of ${label} changes what Rollcall writes, so each full sync writes the user again: rollcall explain shows the column`,
  );
}

function reportFailure({ pool, log, metrics }: PageContext, clerkId: string | null, error: AppError): void {
  metrics.count("rollcall_provision_total", { cause, outcome: error.code });
  countPostgresError(metrics, error);
  const event = nameProfileEvent("creation_failed", pool.tables.profileName);
  log.error({ event, clerkId, cause, code: error.code, err: error }, "A user could not be reconciled");
}

/** An older change was seen by an earlier pass, so the row differs for another reason than that change. */
function observeLag(
  { metrics }: PageContext,
  { lagFromMs = Number.POSITIVE_INFINITY }: Page,
  { clerkUpdatedAtMs }: UserSnapshot,
): void {
  if (clerkUpdatedAtMs === null || clerkUpdatedAtMs < lagFromMs) return;
  metrics.observe("rollcall_sync_lag_seconds", {}, Math.max(0, Date.now() - clerkUpdatedAtMs) / 1_000);
}

/** Logs and counts users that are absent at Clerk. */
export function reportAbsent(
  { log, metrics }: PageContext,
  clerkIds: readonly string[],
  outcome: "tombstoned" | "held",
): void {
  const event: LogEvent = outcome === "held" ? "deletion_held" : "user_tombstoned";
  for (const clerkId of clerkIds) {
    metrics.count("rollcall_reconcile_drift_total", { kind: "extra_row" });
    metrics.count("rollcall_provision_total", { cause, outcome });
    log.info({ event, clerkId, cause, outcome }, "Clerk no longer has the user");
  }
}
