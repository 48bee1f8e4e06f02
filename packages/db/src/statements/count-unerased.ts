import type { Queryable } from "../pool.ts";
import { holdsPerson } from "./holds-person.ts";

/** How many rows have `deleted_at` and hold a person all the same: the app set it, and no deletion of ours came. */
export async function countUnerased(db: Queryable): Promise<number> {
  const result = await db.query<{ count: number }>(
    `select count(*)::int as count from public.users u where u.deleted_at is not null and ${holdsPerson}`,
  );
  return result.rows[0]?.count ?? 0;
}
