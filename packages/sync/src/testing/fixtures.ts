import type { Mapping, SessionView } from "@rollcall/contracts";
import { blankUser, createPool, migrateUp, type Pool, type UserSnapshot } from "@rollcall/db";
import { createDatabase } from "@rollcall/local-services";
import { decideSimilarEmails, type UserWrite } from "../user/rules.ts";

/** A pool on a fresh, migrated database of the test server. */
export async function createTestPool(serverUrl: string, mapping?: Mapping): Promise<Pool> {
  const databaseUrl = await createDatabase(serverUrl);
  const pool = createPool({
    databaseUrl,
    ...(mapping && { mapping }),
    applicationName: "test",
    searchPath: "public",
    onIdleError: () => undefined,
  });
  await migrateUp(pool);
  return pool;
}

export const testDefaults = { nomeCompleto: "New User", turma: "neon", create: true };

/** A write of a user; fields that the test does not name have defaults. */
export function userWrite(
  clerkId: string,
  fields: Partial<UserSnapshot> = {},
  secondaryEmails: readonly string[] = [],
): UserWrite {
  const snapshot: UserSnapshot = {
    ...blankUser,
    clerkId,
    name: clerkId,
    clerkCreatedAtMs: 1_000,
    clerkUpdatedAtMs: 1_000,
    readTicket: 1,
    cause: "webhook",
    ref: null,
    ...fields,
  };
  return { snapshot, metadata: [null], secondaryEmails, similarEmails: decideSimilarEmails(snapshot.email) };
}

/** A cached admin, who needs no profile. */
export function sessionView(clerkId: string): SessionView {
  const now = new Date(0).toISOString();
  return {
    user: {
      id: 1,
      clerkId,
      email: null,
      emailVerified: false,
      name: "Ada",
      imageUrl: null,
      role: "admin",
      roleSource: "clerk",
      tier: "FREE",
      banned: false,
      clerkCreatedAt: now,
      clerkUpdatedAt: now,
      readTicket: 1,
      deletedAt: null,
      createdAt: now,
      updatedAt: now,
    },
    mentorado: null,
  };
}
