import { randomUUID } from "node:crypto";
import { AppError } from "@rollcall/contracts";
import { tombstoneUsers } from "../../deletions.ts";
import { PostgresError, readSqlState } from "../../errors.ts";
import { applyMemberships, nameMembership } from "../../memberships.ts";
import { applyOrganizations, tombstoneOrganization } from "../../organizations.ts";
import type { Queryable } from "../../pool.ts";
import { giveProfiles, listNoMetadata } from "../../profiles.ts";
import { blankUser, type UserSnapshot } from "../../user-columns.ts";
import { applySnapshots, nextReadSequence } from "../../users.ts";
import { MigrationRefusal } from "./refuse-unfit.ts";

/** These SQLSTATE classes concern the server or another session, and not our rows. */
const temporary = /^(40|53|57|58|08)/;

const why = { cause: "admin", ref: "migrate" } as const;

/**
 * Writes invented users by our own statements and rolls them back, in an open transaction. Only a write can show
 * whether the app's triggers, check constraints and domains accept our rows.
 *
 * @throws MigrationRefusal with the message of Postgres, which can only quote the invented rows
 */
export async function tryWrites(db: Queryable): Promise<void> {
  await db.query("savepoint test_write");
  const problem = await writeInvented(db).catch((error: unknown) => {
    const state = readSqlState(error);
    // A trigger that undoes a write raises no error of Postgres.
    if (error instanceof AppError && error.code === "user.rejected" && state === undefined)
      return error.message;
    if (state === undefined || temporary.test(state)) throw error;
    const cause = error instanceof PostgresError ? error.cause : undefined;
    return `${cause instanceof Error ? cause.message : "Postgres refused"} (${state})`;
  });
  if (problem) {
    throw new MigrationRefusal([`A test write with invented users failed and was rolled back: ${problem}`]);
  }
  await db.query("rollback to savepoint test_write");
}

async function writeInvented(db: Queryable): Promise<string | undefined> {
  await db.query("set constraints all immediate");
  const readTicket = await nextReadSequence(db);
  const member = inventUser(readTicket, { imageUrl: "https://test.invalid/image" });
  const admin = inventUser(readTicket, { isAdmin: true });
  // Clerk has users without an address and a name. A check or a domain of the app may refuse them.
  const bare = inventUser(readTicket, { email: null, emailVerified: false, name: null });
  const invented = [member, admin, bare];
  await applySnapshots(db, invented);
  await giveProfiles(
    db,
    invented.map(({ clerkId, name, imageUrl }) => ({
      ...{ clerkId, name, imageUrl },
      metadata: listNoMetadata(db),
      secondaryEmails: [],
      ...why,
    })),
    { nomeCompleto: "Test", turma: "test", create: true },
  );
  const lost =
    (await findLost(db, member.clerkId)) ?? (await tryOrganization(db, member.clerkId, readTicket));
  if (lost) return lost;
  await tombstoneUsers(
    db,
    invented.map(({ clerkId }) => ({ clerkId, by: "signature", ...why })),
  );
  return undefined;
}

/** An organization with an invented member, and the end of both. Nothing while organizations are off. */
async function tryOrganization(
  db: Queryable,
  clerkId: string,
  readTicket: number,
): Promise<string | undefined> {
  if (!db.tables.organizations) return undefined;
  const clerkOrgId = `org_A${clerkId.slice("user_A".length)}`;
  const stamps = { clerkCreatedAtMs: Date.now(), clerkUpdatedAtMs: Date.now(), readTicket, ...why };
  const named = { clerkOrgId, name: "Test", slug: null, imageUrl: null, membersCount: 1 };
  const membership = { clerkOrgId, clerkId, membershipId: "orgmem_test", role: "org:member" };
  const made = await applyOrganizations(db, [{ ...named, ...stamps }]);
  if (made.get(clerkOrgId) !== "written") return "no row was made for a new organization";
  const joined = await applyMemberships(db, [{ ...membership, ...stamps }]);
  if (joined.get(nameMembership(membership)) !== "written") return "no row was made for a new membership";
  await tombstoneOrganization(db, clerkOrgId, { by: "signature", ...why });
  return undefined;
}

/** A trigger may have discarded a row, or made one before us. So the rows themselves are read. */
async function findLost(db: Queryable, clerkId: string): Promise<string | undefined> {
  const { users: u, profile } = db.tables;
  const user = await db.query(`select from ${u.rows} u where u.${u.clerkId} = $1`, [clerkId]);
  if (user.rows.length === 0) return "no row was made for a new user";
  if (!profile) return undefined;
  const made = await db.query(
    `select from ${profile.table} m join ${u.rows} u on u.${u.id} = m.${profile.link} where u.${u.clerkId} = $1`,
    [clerkId],
  );
  return made.rows.length === 0 ? "no profile was made for a new user" : undefined;
}

function inventUser(readTicket: number, fields: Partial<UserSnapshot>): UserSnapshot {
  const id = randomUUID().replaceAll("-", "");
  return {
    ...blankUser,
    // Clerk's ids have letters of both cases, and a trigger may fold them.
    clerkId: `user_A${id.slice(0, 26)}`,
    email: `${id}@test.invalid`,
    emailVerified: true,
    name: "Test",
    clerkCreatedAtMs: Date.now(),
    clerkUpdatedAtMs: Date.now(),
    readTicket,
    ...why,
    ...fields,
  };
}
