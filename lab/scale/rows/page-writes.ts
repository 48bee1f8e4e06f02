import { applySnapshots, giveProfiles, type Queryable, type UserSnapshot } from "@rollcall/db";
import { clerkIdOf } from "./people.ts";

const defaults = { nomeCompleto: "New User", turma: "neon", create: true };

/** The two statements of the write. Run it in a transaction. */
export async function writeUsers(db: Queryable, users: readonly UserSnapshot[]): Promise<void> {
  await applySnapshots(db, users);
  const requests = users.map(({ clerkId, cause, ref }) => ({
    clerkId,
    cause,
    ref,
    turma: null,
    secondaryEmails: [],
  }));
  await giveProfiles(db, requests, defaults);
}

/** The same user, later: somebody looked, and nothing that people see is different. */
export function touchUser(user: UserSnapshot): UserSnapshot {
  return { ...user, clerkUpdatedAtMs: user.clerkUpdatedAtMs + 1_000 };
}

/** The same user, later and with another name. */
export function renameUser(user: UserSnapshot): UserSnapshot {
  return { ...touchUser(user), name: `${user.name ?? ""} Junior` };
}

/** Somebody who is not there yet. */
export function replaceUser(user: UserSnapshot, index: number): UserSnapshot {
  return { ...user, clerkId: clerkIdOf(index), email: `nobody.${index}@example.com` };
}
