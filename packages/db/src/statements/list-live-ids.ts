import type { Queryable } from "../pool.ts";

/** Clerk ids of live users other than `clerkId`, the newest first. */
export async function listOtherLiveIds(db: Queryable, clerkId: string, limit: number): Promise<string[]> {
  const result = await db.query<{ clerkId: string }>(
    `select clerk_id as "clerkId" from public.users
     where deleted_at is null and clerk_id <> $1
     order by id desc limit $2`,
    [clerkId, limit],
  );
  return result.rows.map((row) => row.clerkId);
}
