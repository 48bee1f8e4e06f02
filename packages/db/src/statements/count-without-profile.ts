import type { Queryable } from "../pool.ts";

// Reads both tables whole: about half a second for a million users.
const count = `
select count(*)::int as count
from public.users u
where u.deleted_at is null and not u.banned and u.role::text <> 'admin'
  and not exists (select from public.mentorados m where m.user_id = u.id)
`;

/** Users who are due a profile, were they looked at now, and have none. */
export async function countWithoutProfile(db: Queryable): Promise<number> {
  return (await db.query<{ count: number }>(count)).rows[0]?.count ?? 0;
}
