import type { Queryable } from "../pool.ts";

/** Those of the ids whose row is a tombstone. */
export async function findTombstones(db: Queryable, clerkIds: readonly string[]): Promise<string[]> {
  const result = await db.query<{ clerkId: string }>(
    `select clerk_id as "clerkId" from public.users where clerk_id = any ($1::text[]) and deleted_at is not null`,
    [clerkIds],
  );
  return result.rows.map((row) => row.clerkId);
}
