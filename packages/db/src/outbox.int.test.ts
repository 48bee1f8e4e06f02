import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  type DueNotification,
  listDueNotifications,
  markNotificationSent,
  markNotificationsQueued,
  settleNotification,
} from "./outbox.ts";
import type { Pool } from "./pool.ts";
import { createTestPool, emptyTables } from "./testing.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createTestPool();
});
beforeEach(() => emptyTables(pool));
afterAll(() => pool.end());

/** Makes events of users that signed up one after the other. @returns their ids */
async function makeDue(count: number): Promise<number[]> {
  const made = await pool.query<{ id: number }>(
    `insert into rollcall.events (at, clerk_id, kind, cause, notification_due_at)
     select now() - interval '1 hour' + n * interval '1 second', 'user_' || n, 'mentorado_created', 'webhook', now()
     from generate_series(1, $1) n returning id::int`,
    [count],
  );
  return made.rows.map(({ id }) => id);
}

async function describe(eventId: number): Promise<DueNotification> {
  const { rows } = await pool.query("select clerk_id from rollcall.events where id = $1", [eventId]);
  return { eventId, clerkId: String(rows[0]?.clerk_id) };
}

async function listIds(mostUnderWay: number): Promise<number[]> {
  return (await listDueNotifications(pool, mostUnderWay)).map(({ eventId }) => eventId);
}

const queuedAgo = (interval: string, ids: readonly number[]) =>
  pool.query("update rollcall.events set notification_queued_at = now() - $1::interval where id = any ($2)", [
    interval,
    ids,
  ]);

test("the oldest notifications are due first, and only a limited number is in the queue at a time", async () => {
  const [first = 0, second = 0, third = 0, fourth = 0] = await makeDue(5);
  expect(await listIds(3)).toEqual([first, second, third]);
  await markNotificationsQueued(pool, [first, second, third]);
  expect(await listIds(3)).toEqual([]);
  await markNotificationSent(pool, await describe(second));
  expect(await listIds(3)).toEqual([fourth]);
});

test("a notification whose job was lost is due again, unless it was sent or settled", async () => {
  const [lost = 0, sent = 0, settled = 0, fresh = 0] = await makeDue(4);
  await queuedAgo("11 minutes", [lost, sent, settled]);
  await queuedAgo("9 minutes", [fresh]);
  await markNotificationSent(pool, await describe(sent));
  await settleNotification(pool, await describe(settled));
  expect(await listIds(10)).toEqual([lost]);
});

test("the job of an event that a failover lost neither sends nor settles the event that has its id now", async () => {
  const [eventId = 0] = await makeDue(1);
  const lost = { eventId, clerkId: "user_lost" };
  await markNotificationSent(pool, lost);
  await settleNotification(pool, lost);
  expect(await listIds(10)).toEqual([eventId]);
});

test("a notification that waited for a day is not sent any more", async () => {
  const [old = 0, young = 0] = await makeDue(2);
  await pool.query("update rollcall.events set at = now() - interval '25 hours' where id = $1", [old]);
  expect(await listIds(10)).toEqual([young]);
});
