import { z } from "zod";
import type { Queryable } from "../pool.ts";

// Reads the whole table: not for each scrape.
const count = `
select
  count(*) filter (where deleted_at is null and not banned)::int as live,
  count(*) filter (where deleted_at is null and banned)::int as banned,
  count(*) filter (where deleted_at is not null)::int as deleted
from public.users
`;

const row = z.object({ live: z.number(), banned: z.number(), deleted: z.number() });

/** How many users there are, by state. */
export async function countUsersByState(db: Queryable): Promise<z.infer<typeof row>> {
  return row.parse((await db.query(count)).rows[0]);
}

/** Deletions that wait for a person. */
export async function countHeldDeletions(db: Queryable): Promise<number> {
  const result = await db.query<{ count: number }>("select count(*)::int from rollcall.held_deletions");
  return result.rows[0]?.count ?? 0;
}

/** Conflicts that wait for a person: those that are listed, since one whose user the app deleted only waits to be settled. */
export async function countOpenConflicts(db: Queryable): Promise<number> {
  const result = await db.query<{ count: number }>(
    `select count(*)::int from rollcall.conflicts c join public.users u on u.id = c.user_id
     where c.state = 'open'`,
  );
  return result.rows[0]?.count ?? 0;
}
