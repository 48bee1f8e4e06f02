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
  wrapPostgresError,
} from "@rollcall/db";
import type { Nudge } from "@rollcall/jobs";
import type { UserReader } from "./read-users.ts";
import { decideSecondaryEmails } from "./rules/email.ts";
import { decideTurma } from "./rules/metadata.ts";
import { decideSnapshot, type Why } from "./rules/snapshot.ts";
import type { SessionCache } from "./session-cache.ts";
import { decideAccess, toSessionView } from "./session-view.ts";
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
const looksForAbsence = 4;

/**
 * The one handler behind every nudge: read Clerk, decide, write, drop the caches. Running it twice, late or
 * out of order does no harm.
 *
 * @param look which attempt this is, from 1
 * @throws AppError; `user.absent` asks for another look
 */
export async function syncUser(context: SyncContext, nudge: Nudge, look: number): Promise<SyncOutcome> {
  try {
    return await runNudge(context, nudge, look);
  } finally {
    await dropCache(context.sessionCache, nudge.clerkId);
  }
}

async function runNudge(context: SyncContext, nudge: Nudge, look: number): Promise<SyncOutcome> {
  switch (nudge.kind) {
    case "delete":
      return buryUser(context.pool, nudge);
    case "login":
      return (await isInPlace(context, nudge.clerkId)) ? "present" : lookAtUser(context, nudge, look);
    case "look":
      return lookAtUser(context, nudge, look);
    default:
      return nudge.kind satisfies never;
  }
}

async function lookAtUser(context: SyncContext, nudge: Nudge, look: number): Promise<SyncOutcome> {
  const found = await readFound(context, nudge.clerkId);
  return found ? writeFound(context, nudge, found) : noteAbsence(context, nudge, look);
}

type Found = { user: ClerkUser; ticket: number };

/** Undefined when Clerk has no such user. */
async function readFound({ readUser }: SyncContext, clerkId: string): Promise<Found | undefined> {
  const { reading, ticket } = await readUser(clerkId);
  if ("unreadable" in reading) throw reading.unreadable;
  return "found" in reading ? { user: reading.found, ticket } : undefined;
}

function writeFound(context: SyncContext, nudge: Nudge, { user, ticket }: Found): Promise<SyncOutcome> {
  return context.writeUser({
    snapshot: decideSnapshot(user, ticket, toWhy(nudge)),
    turma: decideTurma(user),
    secondaryEmails: decideSecondaryEmails(user),
  });
}

function toWhy({ cause, delivery }: Nudge): Why {
  return { cause, ref: delivery ?? null };
}

async function noteAbsence(context: SyncContext, nudge: Nudge, look: number): Promise<SyncOutcome> {
  const { pool } = context;
  const { clerkId } = nudge;
  const session = await asking(findSession(pool, clerkId));
  if (session?.user.deletedAt) return "deleted";
  if (session) return confirmAbsence(context, nudge);
  await asking(recordAbsences(pool, [clerkId]));
  if (look < looksForAbsence) throw new AppError("user.absent", "Clerk has no such user yet");
  return "absent";
}

/**
 * The absence may be from before the user came, and the row from after: another worker can have read and
 * written in between. A read that begins only now, with the row in sight, leaves no such doubt. Read tickets
 * do not tell: an early one may belong to a request that was answered late.
 */
async function confirmAbsence(context: SyncContext, nudge: Nudge): Promise<SyncOutcome> {
  const found = await readFound(context, nudge.clerkId);
  if (found) return writeFound(context, nudge, found);
  const absence = { clerkId: nudge.clerkId, ...toWhy(nudge) };
  return asking(inTransaction(context.pool, (client) => tombstoneAbsent(client, absence)));
}

async function buryUser(pool: Pool, nudge: Nudge): Promise<SyncOutcome> {
  const burial = { clerkId: nudge.clerkId, by: "signature", ...toWhy(nudge) } as const;
  const buried = await asking(inTransaction(pool, (client) => tombstoneUsers(client, [burial])));
  return buried.has(nudge.clerkId) ? "tombstoned" : "deleted";
}

async function isInPlace(context: SyncContext, clerkId: string): Promise<boolean> {
  const session = await asking(findSession(context.pool, clerkId));
  return session !== undefined && decideAccess(toSessionView(session), context) !== "incomplete";
}

/** Postgres' own errors quote rows, and this one leaves for the queue. */
async function asking<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw wrapPostgresError(error);
  }
}

/** A cache that cannot be dropped may go on showing what was: then the run is not over. */
async function dropCache(cache: SessionCache, clerkId: string): Promise<void> {
  try {
    await cache.drop(clerkId);
  } catch (error) {
    throw new AppError("queue.unavailable", "The session cache could not be dropped", { cause: error });
  }
}
