import type { ClerkUser } from "@rollcall/clerk";
import { AppError } from "@rollcall/contracts";
import {
  findSession,
  inTransaction,
  type Pool,
  type ProfileOutcome,
  recordAbsences,
  tombstoneAbsent,
  tombstoneUsers,
} from "@rollcall/db";
import type { SyncJob } from "@rollcall/jobs";
import type { SessionCache } from "../ensure/session-cache.ts";
import { decideAccess, toSessionView } from "../ensure/session-view.ts";
import type { UserReader } from "./fetch-users.ts";
import { decideSecondaryEmails } from "./rules/email.ts";
import { decideTurma } from "./rules/metadata.ts";
import { decideSnapshot, type Why } from "./rules/snapshot.ts";
import type { UserWriter } from "./write-users.ts";

export type SyncContext = {
  pool: Pool;
  readUser: UserReader;
  writeUser: UserWriter;
  sessionCache: SessionCache;
  autoCreate: boolean;
};

/**
 * What a look at a user came to: the profile's outcome; tombstoned, when a deletion took effect; present, when
 * a login found all in place; absent, when Clerk has no such user; held, when it is gone from Clerk without a
 * signature and too many others are too.
 */
export type SyncOutcome = ProfileOutcome | "tombstoned" | "present" | "absent" | "held";

/** Looks at which Clerk is asked again before an id without a row counts as absent: Clerk's reads may lag. */
const attemptsForAbsence = 4;

/**
 * The one handler behind every sync job: read Clerk, decide, write, drop the caches. Running it twice, late or
 * out of order does no harm.
 *
 * @param look which attempt this is, from 1
 * @throws AppError; `user.absent` asks for another look
 */
export async function syncUser(context: SyncContext, syncJob: SyncJob, look: number): Promise<SyncOutcome> {
  try {
    return await runSyncJob(context, syncJob, look);
  } finally {
    await dropCache(context.sessionCache, syncJob.clerkId);
  }
}

async function runSyncJob(context: SyncContext, syncJob: SyncJob, look: number): Promise<SyncOutcome> {
  switch (syncJob.kind) {
    case "delete":
      return deleteUser(context.pool, syncJob);
    case "provision":
      return (await isInPlace(context, syncJob.clerkId)) ? "present" : refreshUser(context, syncJob, look);
    case "refresh":
      return refreshUser(context, syncJob, look);
    default:
      return syncJob.kind satisfies never;
  }
}

async function refreshUser(context: SyncContext, syncJob: SyncJob, look: number): Promise<SyncOutcome> {
  const found = await readFound(context, syncJob.clerkId);
  return found ? writeFound(context, syncJob, found) : noteAbsence(context, syncJob, look);
}

type Found = { user: ClerkUser; ticket: number };

/** Undefined when Clerk has no such user. */
async function readFound({ readUser }: SyncContext, clerkId: string): Promise<Found | undefined> {
  const { reading, ticket } = await readUser(clerkId);
  if ("unreadable" in reading) throw reading.unreadable;
  return "found" in reading ? { user: reading.found, ticket } : undefined;
}

function writeFound(context: SyncContext, syncJob: SyncJob, { user, ticket }: Found): Promise<SyncOutcome> {
  return context.writeUser({
    snapshot: decideSnapshot(user, ticket, toWhy(syncJob)),
    turma: decideTurma(user),
    secondaryEmails: decideSecondaryEmails(user),
  });
}

function toWhy({ cause, delivery }: SyncJob): Why {
  return { cause, ref: delivery ?? null };
}

async function noteAbsence(context: SyncContext, syncJob: SyncJob, look: number): Promise<SyncOutcome> {
  const { pool } = context;
  const { clerkId } = syncJob;
  const session = await findSession(pool, clerkId);
  if (session?.user.deletedAt) return "deleted";
  if (session) return confirmAbsence(context, syncJob);
  await recordAbsences(pool, [clerkId]);
  if (look < attemptsForAbsence) throw new AppError("user.absent", "Clerk has no such user yet");
  return "absent";
}

/**
 * The absence may be from before the user came, and the row from after: another worker can have read and
 * written in between. A read that begins only now, with the row in sight, leaves no such doubt. Read tickets
 * do not tell: an early one may belong to a request that was answered late.
 */
async function confirmAbsence(context: SyncContext, syncJob: SyncJob): Promise<SyncOutcome> {
  const found = await readFound(context, syncJob.clerkId);
  if (found) return writeFound(context, syncJob, found);
  const absence = { clerkId: syncJob.clerkId, ...toWhy(syncJob) };
  return inTransaction(context.pool, (client) => tombstoneAbsent(client, absence));
}

async function deleteUser(pool: Pool, syncJob: SyncJob): Promise<SyncOutcome> {
  const deletion = { clerkId: syncJob.clerkId, by: "signature", ...toWhy(syncJob) } as const;
  const deleted = await inTransaction(pool, (client) => tombstoneUsers(client, [deletion]));
  return deleted.has(syncJob.clerkId) ? "tombstoned" : "deleted";
}

async function isInPlace(context: SyncContext, clerkId: string): Promise<boolean> {
  const session = await findSession(context.pool, clerkId);
  return session !== undefined && decideAccess(toSessionView(session), context) !== "incomplete";
}

/** A cache that cannot be dropped may go on showing what was: then the run is not over. */
async function dropCache(cache: SessionCache, clerkId: string): Promise<void> {
  try {
    await cache.drop(clerkId);
  } catch (error) {
    throw new AppError("queue.unavailable", "The session cache could not be dropped", { cause: error });
  }
}
