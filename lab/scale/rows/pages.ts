import { applySnapshots, giveProfiles, type Pool, type Queryable, type UserSnapshot } from "@rollcall/db";
import { z } from "zod";
import { clerkIdOf } from "./people.ts";

const range = `
select min(clerk_created_at) as first, max(clerk_created_at) as last from public.users where deleted_at is null
`;

const page = `
select
  clerk_id as "clerkId", email, email_verified as "emailVerified", name, image_url as "imageUrl",
  role = 'admin' as "isAdmin", banned, clerk_created_at as "createdAt", clerk_updated_at as "updatedAt"
from public.users
where deleted_at is null and clerk_created_at > $1
order by clerk_created_at limit $2
`;

const row = z.object({
  clerkId: z.string(),
  email: z.string().nullable(),
  emailVerified: z.boolean(),
  name: z.string().nullable(),
  imageUrl: z.string().nullable(),
  isAdmin: z.boolean(),
  banned: z.boolean(),
  createdAt: z.date(),
  updatedAt: z.date(),
});

/** A page that equals our rows; it begins after `afterMs`. */
export type KnownPage = { users: UserSnapshot[]; afterMs: number };

export type PageReader = (share: number) => Promise<KnownPage>;

/** Reads pages of users from their rows. `share` is the position, from 0 (oldest) to 1. */
export async function openPages(pool: Pool, pageSize: number): Promise<PageReader> {
  const found = z.object({ first: z.date(), last: z.date() }).parse((await pool.query(range)).rows[0]);
  const [firstMs, lastMs] = [found.first.getTime(), found.last.getTime()];
  return async (share) => {
    // If users came evenly, this position is before the last whole page.
    const afterMs = Math.floor(firstMs + (lastMs - firstMs) * share * 0.95);
    const result = await pool.query(page, [new Date(afterMs).toISOString(), pageSize]);
    const users = z
      .array(row)
      .parse(result.rows)
      .map(({ createdAt, updatedAt, ...user }) => ({
        ...user,
        clerkCreatedAtMs: createdAt.getTime(),
        clerkUpdatedAtMs: updatedAt.getTime(),
        readTicket: Number.MAX_SAFE_INTEGER,
        cause: "reconcile",
        ref: "1",
      }));
    return { users, afterMs };
  };
}

const defaults = { nomeCompleto: "New User", turma: "neon", create: true };

/** Runs the two statements of the write. The caller opens the transaction. */
export async function writeUsers(db: Queryable, users: readonly UserSnapshot[]): Promise<void> {
  await applySnapshots(db, users);
  const requests = users.map(({ clerkId, cause, ref }) => ({
    clerkId,
    cause,
    ref,
    metadata: [null],
    secondaryEmails: [],
  }));
  await giveProfiles(db, requests, defaults);
}

/** The same user with a newer version, and no visible change. */
export function touchUser(user: UserSnapshot): UserSnapshot {
  return { ...user, clerkUpdatedAtMs: (user.clerkUpdatedAtMs ?? 0) + 1_000 };
}

/** The same user with a newer version and another name. */
export function renameUser(user: UserSnapshot): UserSnapshot {
  return { ...touchUser(user), name: `${user.name ?? ""} Junior` };
}

/** A new user. */
export function replaceUser(user: UserSnapshot, index: number): UserSnapshot {
  return { ...user, clerkId: clerkIdOf(index), email: `new.${index}@example.com` };
}
