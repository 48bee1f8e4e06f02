import { z } from "zod";
import type { Queryable } from "../pool.ts";

/** An event that the app is to be told of. */
export type DueHook = { eventId: number; clerkId: string };

const dueRow = z.object({ eventId: z.coerce.number(), clerkId: z.string() });

/**
 * Events whose hook is due and has no job yet, oldest first. Those that waited for a day, because no hook was
 * configured, are nobody's news any more.
 */
export async function listDueHooks(db: Queryable, limit: number): Promise<DueHook[]> {
  const result = await db.query(
    `select id as "eventId", clerk_id as "clerkId" from rollcall.events
     where hook_due_at is not null and hook_queued_at is null and at > now() - interval '24 hours'
     order by id limit $1`,
    [limit],
  );
  return z.array(dueRow).parse(result.rows);
}

/** Notes that these events have their jobs. */
export async function markHooksQueued(db: Queryable, eventIds: readonly number[]): Promise<void> {
  await db.query("update rollcall.events set hook_queued_at = now() where id = any ($1::bigint[])", [
    eventIds,
  ]);
}

const hookRow = z.object({
  at: z.date(),
  userId: z.number(),
  mentoradoId: z.number(),
});

/** What a hook says; undefined when it was sent, or the user is deleted by now. */
export async function findUnsentHook(db: Queryable, eventId: number) {
  const result = await db.query(
    `select e.at, u.id as "userId", (e.details ->> 'mentoradoId')::int as "mentoradoId"
     from rollcall.events e join public.users u on u.clerk_id = e.clerk_id
     where e.id = $1 and e.hook_sent_at is null and u.deleted_at is null`,
    [eventId],
  );
  return z.array(hookRow).parse(result.rows)[0];
}

/** Notes that the app took the hook. */
export async function markHookSent(db: Queryable, eventId: number): Promise<void> {
  await db.query("update rollcall.events set hook_sent_at = now() where id = $1", [eventId]);
}
