import { randomUUID } from "node:crypto";
import { PostgresError, readSqlState } from "../../errors.ts";
import type { Queryable } from "../../pool.ts";
import { applySnapshots } from "../../statements/apply-snapshots.ts";
import { giveProfiles } from "../../statements/give-profiles.ts";
import { nextReadSequence } from "../../statements/read-sequence.ts";
import { tombstoneUsers } from "../../statements/tombstone-users.ts";
import type { UserSnapshot } from "../../statements/user-snapshot.ts";
import { MigrationRefusal } from "./refusal.ts";

/** Not the database's opinion of our rows: another session was in the way, or the server went. */
const passing = /^(40|53|57|58|08)/;

const why = { cause: "admin", ref: "migrate" } as const;

/**
 * Writes two invented users through our own statements and takes them back, in an open transaction. The app's
 * triggers, check constraints and domains cannot be judged by looking at them; here they speak.
 *
 * @throws MigrationRefusal with what the database said; it can only speak of the invented rows
 */
export async function tryWrites(db: Queryable): Promise<void> {
  await db.query("savepoint trial");
  const problem = await writeInvented(db).catch((error: unknown) => {
    const state = readSqlState(error);
    if (state === undefined || passing.test(state)) throw error;
    const cause = error instanceof PostgresError ? error.cause : undefined;
    return `${cause instanceof Error ? cause.message : "Postgres refused"} (${state})`;
  });
  if (problem) {
    throw new MigrationRefusal([`A trial with invented users failed, and was taken back: ${problem}`]);
  }
  await db.query("rollback to savepoint trial");
}

async function writeInvented(db: Queryable): Promise<string | undefined> {
  await db.query("set constraints all immediate");
  const readTicket = await nextReadSequence(db);
  const [member, admin] = [inventUser(readTicket, false), inventUser(readTicket, true)];
  await applySnapshots(db, [member, admin]);
  await giveProfiles(
    db,
    [member, admin].map(({ clerkId }) => ({ clerkId, turma: "trial", secondaryEmails: [], ...why })),
    { nomeCompleto: "DryRun", turma: "trial", create: true },
  );
  // Looked up, not believed: a trigger may have swallowed the row, or have made one before us.
  const profile = await db.query(
    "select from public.mentorados m join public.users u on u.id = m.user_id where u.clerk_id = $1",
    [member.clerkId],
  );
  if (profile.rows.length === 0) return "no profile was made for a new user";
  await tombstoneUsers(
    db,
    [member, admin].map(({ clerkId }) => ({ clerkId, by: "signature", ...why })),
  );
  return undefined;
}

function inventUser(readTicket: number, isAdmin: boolean): UserSnapshot {
  const id = randomUUID().replaceAll("-", "");
  return {
    clerkId: `user_${id.slice(0, 27)}`,
    email: `${id}@trial.invalid`,
    emailVerified: true,
    name: "DryRun",
    imageUrl: null,
    isAdmin,
    banned: false,
    clerkCreatedAtMs: Date.now(),
    clerkUpdatedAtMs: Date.now(),
    readTicket,
    ...why,
  };
}
