import { rowKey } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRows } from "./rows.ts";
import { perProfile } from "./tables.ts";

/**
 * An event for which the app gets a notification. The id alone does not name it: after a failover that lost events, their
 * ids are given again, while jobs of the lost ones still wait.
 */
export type DueNotification = { eventId: number; clerkId: string };

const dueRow = z.object({ eventId: z.coerce.number(), clerkId: z.string() });

/**
 * All attempts of a job end within 10 minutes. A notification that is still neither sent nor settled was lost with
 * its queue.
 */
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
 * Events whose notification is due and has no job, oldest first. At most `mostUnderWay` notifications have a job at a
 * time. Events older than a day are left out: no notification was configured then, and the news is too old now.
 */
export async function listDueNotifications(db: Queryable, mostUnderWay: number): Promise<DueNotification[]> {
  return readRows(dueRow, (await db.query(due, [mostUnderWay])).rows);
}

/** Records that the notifications of these events are in the queue. */
export async function markNotificationsQueued(db: Queryable, eventIds: readonly number[]): Promise<void> {
  await db.query("update rollcall.events set notification_queued_at = now() where id = any ($1::bigint[])", [
    eventIds,
  ]);
}

const notificationRow = z.object({
  at: z.date(),
  userId: rowKey,
  profileId: rowKey,
});

/**
 * Returns a notification to the outbox that was taken out of the queue unsent. It is due again after `afterS`, when the
 * job that was taken is over: until then, a new job of the same event would be merged into it.
 */
export async function returnNotification(db: Queryable, eventId: number, afterS: number): Promise<void> {
  await db.query(
    `update rollcall.events
     set notification_queued_at = now() - interval '10 minutes' + $2 * interval '1 second'
     where id = $1`,
    [eventId, afterS],
  );
}

const unsent = perProfile(
  ({ stored }, { users: u }) =>
    `select e.at, u.${u.id} as "userId", ${stored.profile.type === "integer" ? "(e.details ->> 'mentoradoId')::int" : "e.details ->> 'mentoradoId'"} as "profileId"
     from rollcall.events e join ${u.rows} u on u.${u.clerkId} = e.clerk_id
     where e.id = $1 and e.clerk_id = $2 and e.notification_sent_at is null and u.${u.deletedAt} is null`,
);

/** The content of a notification. @returns undefined if it was sent or lost, or if the user is deleted by now */
export async function findUnsentNotification(db: Queryable, { eventId, clerkId }: DueNotification) {
  const statement = unsent(db);
  if (statement === undefined) return undefined;
  return readRows(notificationRow, (await db.query(statement, [eventId, clerkId])).rows)[0];
}

/** Records that the app accepted the notification. */
export async function markNotificationSent(
  db: Queryable,
  { eventId, clerkId }: DueNotification,
): Promise<void> {
  await db.query("update rollcall.events set notification_sent_at = now() where id = $1 and clerk_id = $2", [
    eventId,
    clerkId,
  ]);
}

/** Records that no notification is due any more: the user is deleted, or the job became a dead letter. */
export async function settleNotification(
  db: Queryable,
  { eventId, clerkId }: DueNotification,
): Promise<void> {
  await db.query("update rollcall.events set notification_due_at = null where id = $1 and clerk_id = $2", [
    eventId,
    clerkId,
  ]);
}
