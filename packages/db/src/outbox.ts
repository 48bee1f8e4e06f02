import { z } from "zod";
import type { Queryable } from "../pool.ts";

/** An event that the app is to be told of. */
export type DueNotification = { eventId: number; clerkId: string };

const dueRow = z.object({ eventId: z.coerce.number(), clerkId: z.string() });

/** Longer than all attempts of a job take: one that is neither sent nor settled by then was lost with its queue. */
const due = `
with unsent as (
  select id, clerk_id, at, coalesce(notification_queued_at < now() - interval '10 minutes', true) as is_due
  from rollcall.events
  where notification_due_at is not null and notification_sent_at is null and at > now() - interval '24 hours'
)
select id as "eventId", clerk_id as "clerkId" from unsent
where is_due
order by at, id
limit greatest(0, $1 - (select count(*) from unsent where not is_due))
`;

/**
 * Events whose hook is due and has no job, oldest first, as long as fewer than `mostUnderWay` have one. Those that waited
 * for a day, because no hook was configured, are nobody's news any more.
 */
export async function listDueNotifications(db: Queryable, mostUnderWay: number): Promise<DueNotification[]> {
  return z.array(dueRow).parse((await db.query(due, [mostUnderWay])).rows);
}

/** Notes that these events have their jobs. */
export async function markNotificationsQueued(db: Queryable, eventIds: readonly number[]): Promise<void> {
  await db.query("update rollcall.events set notification_queued_at = now() where id = any ($1::bigint[])", [
    eventIds,
  ]);
}

const hookRow = z.object({
  at: z.date(),
  userId: z.number(),
  mentoradoId: z.number(),
});

/** What a hook says; undefined when it was sent, or the user is deleted by now. */
export async function findUnsentNotification(db: Queryable, eventId: number) {
  const result = await db.query(
    `select e.at, u.id as "userId", (e.details ->> 'mentoradoId')::int as "mentoradoId"
     from rollcall.events e join public.users u on u.clerk_id = e.clerk_id
     where e.id = $1 and e.notification_sent_at is null and u.deleted_at is null`,
    [eventId],
  );
  return z.array(hookRow).parse(result.rows)[0];
}

/** Notes that the app took the hook. */
export async function markNotificationSent(db: Queryable, eventId: number): Promise<void> {
  await db.query("update rollcall.events set notification_sent_at = now() where id = $1", [eventId]);
}

/** Notes that the app is not to be told any more: somebody is gone, or a dead letter waits for a person. */
export async function settleNotification(db: Queryable, eventId: number): Promise<void> {
  await db.query("update rollcall.events set notification_due_at = null where id = $1", [eventId]);
}
