import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createFinalEventIdReader } from "./final-event-id.ts";
import type { Connection, Pool } from "./pool.ts";
import { createTestPool, emptyTables, untilBlocked } from "./testing.ts";

const minuteMs = 60_000;

let pool: Pool;
beforeAll(async () => {
  pool = await createTestPool();
});
afterAll(() => pool?.end());
beforeEach(() => emptyTables(pool));

async function add(db: Pick<Pool, "query">, kind = "user_created"): Promise<number> {
  const { rows } = await db.query(
    "insert into rollcall.events (kind, cause) values ($1, 'webhook') returning id",
    [kind],
  );
  return Number(rows[0].id);
}

async function begin(): Promise<Connection> {
  const client = await pool.connect();
  await client.query("begin");
  return client;
}

async function end(client: Connection, how: "commit" | "rollback"): Promise<void> {
  await client.query(how);
  client.release();
}

test("without a writer the newest id is final at once", async () => {
  const read = createFinalEventIdReader({ longestMs: minuteMs });
  const newest = await add(pool);
  expect(await read(pool, 0)).toMatchObject({ finalId: newest, newestId: newest, isPending: false });
});

test("a visible id is not final while a transaction with a lower id is open, and is final after its commit", async () => {
  const read = createFinalEventIdReader({ longestMs: minuteMs });
  const before = await add(pool);
  await read(pool, 0);
  const slow = await begin();
  const low = await add(slow);
  const high = await add(pool);
  expect(high).toBeGreaterThan(low);
  expect(await read(pool, before)).toMatchObject({ finalId: before, newestId: high, isPending: true });
  expect(await read(pool, before)).toMatchObject({ finalId: before, isPending: true });
  await end(slow, "commit");
  expect(await read(pool, before)).toMatchObject({ finalId: high, isPending: false });
});

test("ids of a transaction that was rolled back, or back to a savepoint, hold nothing up", async () => {
  const read = createFinalEventIdReader({ longestMs: minuteMs });
  const rolledBack = await begin();
  await add(rolledBack);
  const high = await add(pool);
  await read(pool, 0);
  await end(rolledBack, "rollback");
  expect(await read(pool, 0)).toMatchObject({ finalId: high, isPending: false });
  const open = await begin();
  await open.query("savepoint one");
  await add(open);
  await open.query("rollback to one");
  const higher = await add(pool);
  expect(await read(pool, high)).toMatchObject({ finalId: higher, isPending: false });
  await end(open, "rollback");
});

test("a transaction that has drawn an id before it has a transaction id of its own is waited for", async () => {
  const read = createFinalEventIdReader({ longestMs: minuteMs });
  const before = await add(pool);
  await read(pool, 0);
  const slow = await begin();
  // The statement takes its lock and draws its id, and then waits inside its first row, before it writes anything.
  const holder = await begin();
  await holder.query("select pg_advisory_xact_lock(43)");
  const inserting = slow.query(
    `insert into rollcall.events (id, kind, cause) overriding system value
     select id, 'user_created', case when pg_advisory_xact_lock_shared(43)::text = '' then 'webhook' else 'webhook' end
     from (select nextval('rollcall.events_id_seq') as id) drawn returning id`,
  );
  await untilBlocked(pool);
  const { rows } = await pool.query(
    "select backend_xid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
  );
  expect(rows).toEqual([{ backend_xid: null }]);
  const high = await add(pool);
  expect(await read(pool, before)).toMatchObject({ finalId: before, newestId: high, isPending: true });
  await end(holder, "commit");
  const { rows: inserted } = await inserting;
  await end(slow, "commit");
  expect(Number(inserted[0].id)).toBeLessThan(high);
  expect(await read(pool, before)).toMatchObject({ finalId: high, isPending: false });
});

test("a transaction over the limit is left out, and its ids are reported as late then and at its end", async () => {
  const read = createFinalEventIdReader({ longestMs: 0 });
  const before = await add(pool);
  await read(pool, 0);
  const slow = await begin();
  const low = await add(slow);
  const high = await add(pool);
  expect(await read(pool, before)).toMatchObject({ finalId: before, late: undefined });
  expect(await read(pool, before)).toMatchObject({ finalId: high, late: { fromId: before + 1, toId: high } });
  const later = await add(pool);
  expect(await read(pool, high)).toMatchObject({ finalId: later, late: undefined, isPending: false });
  await end(slow, "commit");
  expect(low).toBeGreaterThan(before);
  expect(await read(pool, later)).toMatchObject({
    finalId: later,
    late: { fromId: before + 1, toId: later },
  });
  expect(await read(pool, later)).toMatchObject({ late: undefined });
});

test("after the newest events were lost, ids that are drawn again become final again", async () => {
  const read = createFinalEventIdReader({ longestMs: minuteMs });
  const [first, second] = [await add(pool), await add(pool)];
  expect(await read(pool, 0)).toMatchObject({ finalId: second });
  await pool.query("delete from rollcall.events where id = $1", [second]);
  expect(await read(pool, second)).toMatchObject({ finalId: first, newestId: first });
});

test("locks of another database hold nothing up", async () => {
  const read = createFinalEventIdReader({ longestMs: minuteMs });
  const other = await createTestPool();
  const client = await other.connect();
  await client.query("begin");
  await add(client);
  const newest = await add(pool);
  expect(await read(pool, 0)).toMatchObject({ finalId: newest, isPending: false });
  await client.query("rollback");
  client.release();
  await other.end();
});

test("a reader that starts beside an open transaction can begin before the transaction's first id", async () => {
  const before = await add(pool);
  const open = await begin();
  await add(open);
  const high = await add(pool);
  expect(await createFinalEventIdReader({ longestMs: minuteMs })(pool, 0)).toMatchObject({
    finalId: undefined,
  });
  const read = createFinalEventIdReader({ longestMs: minuteMs, startWithin: 2 });
  expect(await read(pool, 0)).toMatchObject({ finalId: before, isPending: true });
  await end(open, "rollback");
  expect(await read(pool, 0)).toMatchObject({ finalId: high, isPending: false });
});
