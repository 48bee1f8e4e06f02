import type { ClerkUser } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import {
  inTransaction,
  type Pool,
  type ProfileOutcome,
  recordAbsences,
  recordEvent,
  tombstoneAbsent,
  tombstoneUsers,
} from "@rollcall/db";
import type { SyncJob } from "@rollcall/jobs";
import { inChildSpan, type Tracing } from "@rollcall/observability";
import { getReadable } from "../coalesce/coalesced-reader.ts";
import type { SessionCache } from "../ensure/session-cache.ts";
import { decideAccess } from "../ensure/session-view.ts";
import type { DeletionReader, UserReader } from "./fetch-users.ts";
import type { RowReader } from "./read-rows.ts";
import { type ChangeOrigin, decideSnapshot, decideWrite } from "./rules.ts";
import type { UserWriter } from "./write-users.ts";

export type SyncContext = {
  pool: Pool;
  readRow: RowReader;
  readUser: UserReader;
  readDeleted: DeletionReader;
  writeUser: UserWriter;
  sessionCache: SessionCache;
  autoCreate: boolean;
  tracing?: Tracing | undefined;
};

/**
 * The outcome of a sync job. It is the profile's outcome, or: tombstoned, a deletion took effect. present, a
 * `provision` job found row and profile in place. absent, Clerk has no such user. held, the user is absent at Clerk
 * without a signed deletion, and so are too many other users. still_there, Clerk still has the user that a deletion names.
 */
export type SyncOutcome = ProfileOutcome | "tombstoned" | "present" | "absent" | "held" | "still_there";

/** Attempts until an id without a row counts as absent: Clerk's reads may lag behind its writes. */
const attemptsForAbsence = 4;

/**
 * The one handler behind every sync job: read Clerk, decide, write, invalidate the session cache. The handler may
 * run twice, late or out of order.
 *
 * @param attempt counts from 1
 * @throws AppError; `user.absent` asks for a retry, and `queue.unavailable` when the cache was not invalidated
 */
export async function syncUser(context: SyncContext, job: SyncJob, attempt: number): Promise<SyncOutcome> {
  try {
    return await runSyncJob(context, job, attempt);
  } finally {
    await inChildSpan(context.tracing, { name: "invalidate session cache" }, () =>
      context.sessionCache.invalidate([job.clerkId], { onFailure: "throw" }),
    );
  }
}

async function runSyncJob(context: SyncContext, job: SyncJob, attempt: number): Promise<SyncOutcome> {
  switch (job.kind) {
    case "delete":
      return deleteUser(context, job, attempt);
    case "provision":
      return (await isInPlace(context, job.clerkId)) ? "present" : refreshUser(context, job, attempt);
    case "refresh":
      return refreshUser(context, job, attempt);
    default:
      return job.kind satisfies never;
  }
}

async function refreshUser(context: SyncContext, job: SyncJob, attempt: number): Promise<SyncOutcome> {
  const found = await fetchFound(context, job.clerkId);
  return found ? writeFound(context, job, found) : recordAbsence(context, job, attempt);
}

type Found = { user: ClerkUser; readSequence: number };

/** @returns undefined when Clerk has no such user */
async function fetchFound({ readUser }: SyncContext, clerkId: string): Promise<Found | undefined> {
  const { result, readSequence } = getReadable(await readUser(clerkId));
  return "found" in result ? { user: result.found, readSequence } : undefined;
}

function writeFound(context: SyncContext, job: SyncJob, { user, readSequence }: Found): Promise<SyncOutcome> {
  const snapshot = decideSnapshot(user, readSequence, originOf(job));
  return context.writeUser(decideWrite(user, snapshot, context.pool.tables));
}

function originOf({ cause, delivery }: SyncJob): ChangeOrigin {
  return { cause, ref: delivery ?? null };
}

async function recordAbsence(context: SyncContext, job: SyncJob, attempt: number): Promise<SyncOutcome> {
  const { pool } = context;
  const { clerkId } = job;
  const row = await context.readRow(clerkId);
  if (row?.isDeleted) return "deleted";
  if (row) return confirmAbsence(context, job);
  await recordAbsences(pool, [clerkId]);
  if (attempt < attemptsForAbsence) throw new AppError("user.absent", "Clerk has no such user yet");
  return "absent";
}

/**
 * Reads Clerk again now that the row is known. The first read may be older than the row: another worker may have read
 * and written the user in between. Read sequences cannot decide this, because Clerk may answer an early request late.
 */
async function confirmAbsence(context: SyncContext, job: SyncJob): Promise<SyncOutcome> {
  const found = await fetchFound(context, job.clerkId);
  if (found) return writeFound(context, job, found);
  const absence = { clerkId: job.clerkId, ...originOf(job) };
  return inTransaction(context.pool, (client) => tombstoneAbsent(client, absence));
}

/** Attempts until a deletion of a user that Clerk still has is left to reconcile: a minute, see `decideRetryDelayMs`. */
const attemptsForDeletion = 5;

/**
 * A delete job is a reason to ask Clerk and no proof: the board, or a client that writes to Redis, could make one. A
 * confirmed absence does not count against the guard of `tombstoneAbsent`, because a signed event leads here.
 */
async function deleteUser(context: SyncContext, job: SyncJob, attempt: number): Promise<SyncOutcome> {
  const { pool } = context;
  const { clerkId } = job;
  // Read before Clerk is asked, so that the answer is younger than the row that it decides about.
  const hadRow = (await context.readRow(clerkId)) !== undefined;
  const result = await context.readDeleted(clerkId);
  if ("unreadable" in result) throw result.unreadable;
  if ("found" in result) {
    // Clerk's reads may lag behind its writes.
    if (attempt < attemptsForDeletion) throw new AppError("user.still_there", "Clerk still has the user");
    const event = { clerkId, kind: "deletion_unconfirmed", ...originOf(job) };
    if (hadRow) await recordEvent(pool, event);
    return "still_there";
  }
  return inTransaction(pool, async (client) => {
    const deleted = await tombstoneUsers(client, [{ clerkId, by: "signature", ...originOf(job) }]);
    const was = deleted.get(clerkId);
    // Another worker wrote the user after Clerk had answered here. The transaction is undone, and Clerk is asked again.
    if (was === "live" && !hadRow)
      throw new AppError("user.still_there", "The user's row is younger than Clerk's answer");
    return was === undefined ? "deleted" : "tombstoned";
  });
}

async function isInPlace(context: SyncContext, clerkId: string): Promise<boolean> {
  const row = await context.readRow(clerkId);
  return row !== undefined && decideAccess(row, context) !== "incomplete";
}
