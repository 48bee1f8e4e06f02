import type { GrowthDay } from "@rollcall/contracts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  countEvents,
  countExistingUsers,
  readGrowth,
  readGrowthHours,
  readTimesToProfile,
} from "./activity-counts.ts";
import { tombstoneUsers } from "./deletions.ts";
import type { Connection, Pool } from "./pool.ts";
import { createTestPool, emptyTables, makeSnapshot, untilBlocked, writeUsers } from "./testing.ts";
import { inTransaction } from "./transaction.ts";

const secondMs = 1_000;
const hourMs = 3_600 * secondMs;
const dayMs = 24 * hourMs;

let pool: Pool;
beforeAll(async () => {
  pool = await createTestPool();
});
afterAll(() => pool?.end());
beforeEach(async () => {
  await emptyTables(pool);
  await pool.query("truncate rollcall.activity_counts, rollcall.runs cascade");
  await pool.query(
    `update rollcall.activity_progress set counted_to = 0, existing_to = '', existing_are_done = false,
       installed_event = 0, installed_at = now() - interval '1 day'`,
  );
});

const newestId = async () =>
  Number((await pool.query("select max(id) as id from rollcall.events")).rows[0].id);

async function countAll(): Promise<void> {
  const finalId = await newestId();
  while (await inTransaction(pool, (client) => countEvents(client, finalId)));
}

async function countExisting(): Promise<void> {
  while (await inTransaction(pool, countExistingUsers));
}

/** The days of a growth answer with a count, as text. */
async function readDays(days = 30, zone = "UTC"): Promise<string[]> {
  const { items } = await readGrowth(pool, { days, zone });
  expect(items).toHaveLength(days);
  return items.filter((item) => item.signUps + item.provisioned + item.deleted > 0).map(toText);
}

const toText = ({ day, signUps, provisioned, deleted }: GrowthDay) =>
  `${day} ${signUps} ${provisioned} ${deleted}`;

/** The UTC day so many days ago. */
const dayAgo = (days: number) => new Date(Date.now() - days * dayMs).toISOString().slice(0, 10);

/** Noon of the UTC day so many days ago; milliseconds. */
const noonAgo = (days: number) => Date.parse(`${dayAgo(days)}T12:00:00Z`);

function sign(clerkId: string, createdAtMs: number) {
  return makeSnapshot({
    clerkId,
    email: `${clerkId}@example.com`,
    clerkCreatedAtMs: createdAtMs,
    clerkUpdatedAtMs: createdAtMs,
  });
}

async function signUp(...people: ReturnType<typeof sign>[]): Promise<void> {
  await writeUsers(pool, people);
}

const complete = () =>
  pool.query(
    "insert into rollcall.runs (mode, dry_run, state, started_by, finished_at) values ('full', false, 'succeeded', 'test', now())",
  );

test("a sign-up counts on its day at Clerk, before and after its event is in the counts", async () => {
  await signUp(sign("user_a", noonAgo(3)), sign("user_b", noonAgo(3)), sign("user_c", noonAgo(0) - dayMs));
  const expected = [`${dayAgo(3)} 2 0 0`, `${dayAgo(1)} 1 0 0`, `${dayAgo(0)} 0 3 0`];
  expect(await readDays()).toEqual(expected);
  await countAll();
  expect(await readDays()).toEqual(expected);
  await countAll();
  expect(await readDays()).toEqual(expected);
});

test("a deleted user stays on the day of the sign-up, and an unknown user's tombstone counts nowhere", async () => {
  await signUp(sign("user_a", noonAgo(2)));
  await inTransaction(pool, (client) =>
    tombstoneUsers(client, [
      { clerkId: "user_a", by: "signature", cause: "webhook", ref: null },
      { clerkId: "user_never", by: "signature", cause: "webhook", ref: null },
    ]),
  );
  const expected = [`${dayAgo(2)} 1 0 0`, `${dayAgo(0)} 0 1 1`];
  expect(await readDays()).toEqual(expected);
  await countAll();
  expect(await readDays()).toEqual(expected);
});

test.each([
  ["the process throws", async () => Promise.reject(new Error("the process died"))],
  // The server ends the connection, as it does when the process is killed. COMMIT then fails.
  [
    "the connection is gone",
    (client: Connection) => client.query("select pg_terminate_backend(pg_backend_pid())"),
  ],
])("a count in which %s before its end leaves nothing behind, and nothing counts twice", async (_, die) => {
  await signUp(sign("user_a", noonAgo(1)));
  const finalId = await newestId();
  await expect(
    inTransaction(pool, async (client) => {
      await countEvents(client, finalId);
      await die(client);
    }),
  ).rejects.toThrow();
  expect((await pool.query("select from rollcall.activity_counts")).rows).toEqual([]);
  expect(await readDays()).toEqual([`${dayAgo(1)} 1 0 0`, `${dayAgo(0)} 0 1 0`]);
  let second: Promise<boolean> | undefined;
  await inTransaction(pool, async (client) => {
    await countEvents(client, finalId);
    second = inTransaction(pool, (other) => countEvents(other, finalId));
    await untilBlocked(pool);
  });
  expect(await second).toBe(false);
  expect(await readDays()).toEqual([`${dayAgo(1)} 1 0 0`, `${dayAgo(0)} 0 1 0`]);
});

test("events above the final id are not counted, and later count once", async () => {
  await signUp(sign("user_a", noonAgo(1)));
  const finalId = await newestId();
  await signUp(sign("user_b", noonAgo(1)));
  await inTransaction(pool, (client) => countEvents(client, finalId));
  const { rows } = await pool.query("select counted_to from rollcall.activity_progress");
  expect(Number(rows[0].counted_to)).toBe(finalId);
  expect(await readDays()).toEqual([`${dayAgo(1)} 2 0 0`, `${dayAgo(0)} 0 2 0`]);
  await countAll();
  expect(await readDays()).toEqual([`${dayAgo(1)} 2 0 0`, `${dayAgo(0)} 0 2 0`]);
});

test("many events are counted in bounded steps", async () => {
  await pool.query(
    `insert into rollcall.events (clerk_id, kind, cause)
     select 'user_' || n, 'mentorado_created', 'reconcile' from generate_series(1, 45000) n`,
  );
  // A reader adds few of them.
  expect(await readDays()).toEqual([`${dayAgo(0)} 0 5000 0`]);
  const finalId = await newestId();
  const more: boolean[] = [];
  do more.push(await inTransaction(pool, (client) => countEvents(client, finalId)));
  while (more.at(-1));
  expect(more.length).toBeGreaterThanOrEqual(3);
  expect(await readDays()).toEqual([`${dayAgo(0)} 0 45000 0`]);
});

test("existing users are counted once, after a full sync, from their rows; new ones only from their events", async () => {
  await signUp(sign("user_old", noonAgo(9)));
  await pool.query("update users set clerk_created_at = null, created_at = $1 where clerk_id = 'user_old'", [
    new Date(noonAgo(20)),
  ]);
  await pool.query(
    "update rollcall.activity_progress set installed_event = (select max(id) from rollcall.events)",
  );
  await pool.query("insert into users (clerk_id, deleted_at) values ('user_never', now())");
  await countExisting();
  expect(await readDays()).toEqual([`${dayAgo(0)} 0 1 0`]);

  // The first full sync reads the time at Clerk.
  await pool.query("update users set clerk_created_at = $1 where clerk_id = 'user_old'", [
    new Date(noonAgo(9)),
  ]);
  await complete();
  await signUp(sign("user_new", noonAgo(1)));
  await countAll();
  await countExisting();
  const expected = [`${dayAgo(9)} 1 0 0`, `${dayAgo(1)} 1 0 0`, `${dayAgo(0)} 0 2 0`];
  expect(await readDays()).toEqual(expected);
  await signUp(sign("user_z", noonAgo(1)));
  await countExisting();
  await countAll();
  expect((await readDays())[1]).toBe(`${dayAgo(1)} 2 0 0`);
});

test("existing users are counted in bounded steps, each once, also when a step is interrupted", async () => {
  await pool.query(
    `insert into users (clerk_id, clerk_created_at)
     select 'user_' || n, $1 from generate_series(1, 11000) n`,
    [new Date(noonAgo(5))],
  );
  await complete();
  await inTransaction(pool, countExistingUsers);
  await inTransaction(pool, async (client) => {
    await countExistingUsers(client);
    throw new Error("the process died");
  }).catch(() => undefined);
  await countExisting();
  await countExisting();
  expect(await readDays()).toEqual([`${dayAgo(5)} 11000 0 0`]);
});

test.each([
  ["UTC", "2026-03-08T00:00:00.000Z", "2026-03-07", "2026-03-08"],
  ["America/Sao_Paulo", "2026-03-08T03:00:00.000Z", "2026-03-07", "2026-03-08"],
  ["Asia/Kolkata", "2026-03-07T18:30:00.000Z", "2026-03-07", "2026-03-08"],
  ["Asia/Kathmandu", "2026-03-07T18:15:00.000Z", "2026-03-07", "2026-03-08"],
  // On this day the clocks go forward: it has 23 hours.
  ["America/New_York", "2026-03-09T04:00:00.000Z", "2026-03-08", "2026-03-09"],
])("a day of %s begins at its midnight, to the millisecond", async (zone, midnight, before, after) => {
  const midnightMs = Date.parse(midnight);
  await signUp(
    sign("user_a", midnightMs - 1),
    sign("user_b", midnightMs),
    sign("user_c", midnightMs + dayMs - hourMs - 1),
  );
  const expected = [`${before} 1 0 0`, `${after} 2 0 0`];
  const days = Math.ceil((Date.now() - midnightMs) / dayMs) + 3;
  const read = async () => (await readDays(days, zone)).filter((day) => !day.endsWith(" 0 3 0"));
  expect(await read()).toEqual(expected);
  await countAll();
  expect(await read()).toEqual(expected);
});

test("a zone that Postgres does not know is refused, and the hours end with the present one", async () => {
  await expect(readGrowth(pool, { days: 1, zone: "Mars/Olympus" })).rejects.toMatchObject({
    code: "request.malformed",
  });
  await signUp(sign("user_a", Date.now() - 2 * hourMs));
  const { items, upTo } = await readGrowthHours(pool, 48);
  expect(items).toHaveLength(48);
  expect(items.at(-1)?.hour).toBe(new Date(Math.floor(Date.now() / hourMs) * hourMs).toISOString());
  expect(items.at(-3)).toMatchObject({ signUps: 1 });
  expect(items.at(-1)).toMatchObject({ signUps: 0, provisioned: 1, events: 2 });
  expect(Date.now() - Date.parse(upTo)).toBeLessThan(minuteMs);
});

const minuteMs = 60 * secondMs;

test("the time to the profile counts for the first profile of users that signed up after the installation", async () => {
  const before = Date.now() - 2 * dayMs;
  await signUp(sign("user_before", before));
  for (const [index, waitMs] of [100, 200, 300, 400, 500, 600, 700, 800, 900, 20_000].entries())
    await signUp(sign(`user_${index}`, Date.now() - waitMs));
  const read = async () => (await readTimesToProfile(pool, 30)).at(-1);
  const found = await read();
  expect(found).toMatchObject({ day: dayAgo(0), count: 10 });
  // Each is up to 9 % off, and a busy machine writes later than the test asked for.
  expect(found?.p50Ms).toBeGreaterThan(450);
  expect(found?.p95Ms).toBeGreaterThan(18_000);
  expect(found?.p95Ms).toBeLessThan(40_000);
  await countAll();
  expect(await read()).toEqual(found);
  // A second profile says nothing about the sign-up.
  await pool.query(
    "insert into rollcall.events (clerk_id, kind, cause) values ('user_1', 'mentorado_linked', 'webhook')",
  );
  expect(await read()).toEqual(found);
});

test("a quantile is at most 9 % off", async () => {
  for (const waitMs of [1, 12, 135, 1_700, 60_000, 86_400_000]) {
    await pool.query("truncate rollcall.activity_counts; truncate rollcall.events; truncate users cascade");
    await pool.query("update rollcall.activity_progress set installed_at = '2000-01-01', counted_to = 0");
    await pool.query(
      "insert into users (clerk_id, clerk_created_at) values ('user_a', now() - $1 * interval '1 millisecond')",
      [waitMs],
    );
    await pool.query(
      `insert into rollcall.events (clerk_id, kind, cause, at)
       select clerk_id, 'mentorado_created', 'webhook', clerk_created_at + $1 * interval '1 millisecond' from users`,
      [waitMs],
    );
    const [day] = await readTimesToProfile(pool, 30);
    expect(Math.abs((day?.p50Ms ?? 0) - waitMs) / waitMs).toBeLessThan(0.0906);
  }
});
