import type { Queryable } from "../pool.ts";

const record = `
insert into rollcall.absences (clerk_id, seen_at)
select id, now() from unnest($1::text[]) as id
order by id collate "C"
on conflict (clerk_id) do update set seen_at = excluded.seen_at
`;

// Ids that nobody asks about again would pile up; an absence older than a day tells nothing.
const prune = "delete from rollcall.absences where seen_at < now() - interval '1 day'";

/** Notes that Clerk had no such users just now. Ids must be distinct. */
export async function recordAbsences(db: Queryable, clerkIds: readonly string[]): Promise<void> {
  await db.query(record, [clerkIds]);
  await db.query(prune);
}

/** Whether Clerk had no such user when somebody looked within the last `withinMs`. */
export async function wasAbsent(db: Queryable, clerkId: string, withinMs: number): Promise<boolean> {
  const result = await db.query(
    "select from rollcall.absences where clerk_id = $1 and seen_at > now() - $2 * interval '1 millisecond'",
    [clerkId, withinMs],
  );
  return result.rows.length > 0;
}
