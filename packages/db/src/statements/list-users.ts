import { clerkUserId, type UserEntry, userEntry } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "../pool.ts";

const instant = z.date().transform((date) => date.toISOString());
const row = userEntry.extend({ createdAt: instant, deletedAt: instant.nullable() });

const columns = `
  u.id, u.clerk_id as "clerkId", u.email::text, u.name::text, u.role::text, u.tier::text, u.banned,
  u.created_at as "createdAt", u.deleted_at as "deletedAt", m.id as "mentoradoId"
`;

const byClerkId = `
select ${columns}
from public.users u left join public.mentorados m on m.user_id = u.id
where u.clerk_id = $1
`;

/** No index helps to find a part of a name, so a page looks through a bounded number of rows. */
const rowsPerPage = 100_000;

const page = `
select ${columns}
from (
  select * from public.users
  where $2::bigint is null or id < $2::bigint
  order by id desc limit ${rowsPerPage}
) u
left join public.mentorados m on m.user_id = u.id
where $1::text is null
   or position(lower($1) in lower(u.email::text)) > 0
   or position(lower($1) in lower(u.name::text)) > 0
   or position($1 in u.clerk_id) > 0
order by u.id desc limit $3
`;

const lastReadAt = `
select id from public.users
where $1::bigint is null or id < $1::bigint
order by id desc offset ${rowsPerPage - 1} limit 1
`;

/**
 * Users by a Clerk id, or by a part of email or name, newest first; all of them without a query. A page may hold
 * fewer than `limit`, or none, and still have a next one: it ends when it has looked at 100,000 rows.
 */
export async function listUsers(
  db: Queryable,
  wish: { query: string | undefined; cursor: string | undefined; limit: number },
): Promise<{ items: UserEntry[]; nextCursor: string | null }> {
  if (wish.query !== undefined && clerkUserId.safeParse(wish.query).success) {
    const found = await db.query(byClerkId, [wish.query]);
    if (found.rows.length > 0) return { items: z.array(row).parse(found.rows), nextCursor: null };
  }
  const cursor = wish.cursor ?? null;
  const result = await db.query(page, [wish.query ?? null, cursor, wish.limit]);
  const items = z.array(row).parse(result.rows);
  const last = items.length === wish.limit ? items.at(-1) : undefined;
  if (last) return { items, nextCursor: String(last.id) };
  const looked = await db.query<{ id: number }>(lastReadAt, [cursor]);
  return { items, nextCursor: looked.rows[0] ? String(looked.rows[0].id) : null };
}
