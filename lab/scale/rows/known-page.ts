import type { Pool, UserSnapshot } from "@rollcall/db";
import { z } from "zod";

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

/** A page as Clerk would answer it if nothing differed; it begins behind `afterMs`. */
export type KnownPage = { users: UserSnapshot[]; afterMs: number };

export type PageReader = (share: number) => Promise<KnownPage>;

/** Reads pages of so many users back from their rows; `share` says where, from 0, the oldest, to 1. */
export async function openPages(pool: Pool, pageSize: number): Promise<PageReader> {
  const found = z.object({ first: z.date(), last: z.date() }).parse((await pool.query(range)).rows[0]);
  const [firstMs, lastMs] = [found.first.getTime(), found.last.getTime()];
  return async (share) => {
    // Not beyond the last whole page, if users came evenly.
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
