import type { EventView } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "../pool.ts";

const row = z.object({
  id: z.coerce.number(),
  at: z.date().transform((date) => date.toISOString()),
  kind: z.string(),
  cause: z.string(),
  ref: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
});

/** What happened to a user, newest first. */
export async function listEventsOfUser(db: Queryable, clerkId: string, limit: number): Promise<EventView[]> {
  const result = await db.query(
    "select id, at, kind, cause, ref, details from rollcall.events where clerk_id = $1 order by id desc limit $2",
    [clerkId, limit],
  );
  return z.array(row).parse(result.rows);
}

/** Whether a deletion of this user waits for a person. */
export async function isDeletionHeld(db: Queryable, clerkId: string): Promise<boolean> {
  const result = await db.query("select from rollcall.held_deletions where clerk_id = $1", [clerkId]);
  return result.rows.length > 0;
}

/** Forgets what is older than `days`, a bounded number at a time. @returns how many went */
export async function pruneEvents(db: Queryable, days: number): Promise<number> {
  const result = await db.query(
    `delete from rollcall.events where id in (
       select id from rollcall.events
       where at < now() - $1 * interval '1 day'
       order by at limit 5000
     )`,
    [days],
  );
  return result.rowCount ?? 0;
}
