import { randomUUID } from "node:crypto";
import { get, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { type LiveEventData, type LiveEventName, liveEvents } from "@rollcall/contracts";
import { recordTracing } from "@rollcall/sync/testing/recorded-tracing";
import type { FastifyInstance } from "fastify";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { ApiContext } from "../../context.ts";
import { authorization, login, startTestApi, startTestDatabase, type TestDatabase } from "../testing.ts";

const deadlineMs = 60_000;

let database: TestDatabase;
let db: pg.Pool;
let context: ApiContext;
let app: FastifyInstance;

beforeAll(async () => {
  database = await startTestDatabase();
  db = database.db;
});
afterAll(() => database?.remove());

const opened: Stream[] = [];
beforeEach(async () => {
  ({ app, context } = await startTestApi(database));
});
afterEach(async () => {
  for (const stream of opened.splice(0)) stream.close();
  await app.close();
  await context.close();
  await db.query("truncate rollcall.events, rollcall.runs, rollcall.alerts cascade");
});

type Received = {
  [Name in LiveEventName]: { name: Name; id: number | undefined; data: LiveEventData[Name] };
}[LiveEventName];

type Stream = {
  received: Received[];
  response: IncomingMessage;
  isEnded(): boolean;
  close(): void;
};

async function open(headers: Record<string, string> = {}, query = ""): Promise<Stream> {
  const received: Received[] = [];
  let isEnded = false;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const { port } = app.server.address() as AddressInfo;
    const options = {
      host: "127.0.0.1",
      port,
      path: `/api/admin/live${query}`,
      headers: { ...(headers["cookie"] === undefined && { authorization }), ...headers },
    };
    get({ ...options, agent: false }, resolve).once("error", reject);
  });
  let text = "";
  response.setEncoding("utf8");
  response.on("data", (chunk: string) => {
    text += chunk;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) if (block.includes("event: ")) received.push(readBlock(block));
  });
  for (const end of ["end", "error", "close"]) response.on(end, () => (isEnded = true));
  const stream = { received, response, isEnded: () => isEnded, close: () => response.destroy() };
  opened.push(stream);
  return stream;
}

function readBlock(block: string): Received {
  const read = (field: string) => new RegExp(`^${field}: (.*)$`, "m").exec(block)?.[1];
  const name = read("event") as LiveEventName;
  const id = read("id");
  return {
    name,
    id: id === undefined ? undefined : Number(id),
    data: liveEvents[name].parse(JSON.parse(read("data") ?? "")),
  } as Received;
}

const pick = <Name extends LiveEventName>({ received }: Stream, name: Name) =>
  received.flatMap((event) => (event.name === name ? [event as Extract<Received, { name: Name }>] : []));
const idsOf = (stream: Stream) => pick(stream, "activity").map(({ id }) => id);
const until = (what: () => unknown) =>
  vi.waitFor(() => expect(what()).toBeTruthy(), { timeout: deadlineMs, interval: 20 });
const untilOpened = (stream: Stream) => until(() => pick(stream, "opened").length > 0);
const untilIds = (stream: Stream, ids: readonly number[]) =>
  vi.waitFor(() => expect(idsOf(stream)).toEqual(ids), { timeout: deadlineMs, interval: 20 });

async function openReady(headers: Record<string, string> = {}, query = ""): Promise<Stream> {
  const stream = await open(headers, query);
  await untilOpened(stream);
  return stream;
}

const insert =
  "insert into rollcall.events (clerk_id, kind, cause, ref) values ($1, $2, $3, $4) returning id";

async function add(
  on: pg.Pool | pg.PoolClient = db,
  { kind = "user_updated", cause = "webhook", ref = "msg_1" } = {},
): Promise<number> {
  const { rows } = await on.query<{ id: string }>(insert, ["user_a", kind, cause, ref]);
  return Number(rows[0]?.id);
}

/** Adds many events at once. @returns their ids */
async function addMany(count: number, details: object = {}): Promise<number[]> {
  const { rows } = await db.query<{ id: string }>(
    `insert into rollcall.events (clerk_id, kind, cause, details)
     select 'user_' || n, 'user_updated', 'webhook', $2::jsonb from generate_series(1, $1) n returning id`,
    [count, JSON.stringify(details)],
  );
  return rows.map(({ id }) => Number(id));
}

async function begin(): Promise<pg.PoolClient> {
  const client = await db.connect();
  await client.query("begin");
  return client;
}

async function end(client: pg.PoolClient, how: "commit" | "rollback"): Promise<void> {
  await client.query(how);
  client.release();
}

test("a stream has the headers of the guard's pages, names the Clerk id and the kind, and needs a login", async () => {
  const stream = await openReady();
  expect(stream.response.headers).toMatchObject({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store, no-transform",
    "x-content-type-options": "nosniff",
    "content-security-policy": expect.stringContaining("frame-ancestors 'none'"),
  });
  const id = await add();
  await untilIds(stream, [id]);
  expect(pick(stream, "activity")[0]?.data).toMatchObject({
    id,
    clerkId: "user_a",
    kind: "user_updated",
    cause: "webhook",
    ref: "msg_1",
  });
  const refused = await open({ authorization: "Basic x" });
  expect(refused.response.statusCode).toBe(401);
  const malformed = await open({ "last-event-id": "x" });
  expect(malformed.response.statusCode).toBe(400);
  const answer = await app.inject({ method: "HEAD", url: "/api/admin/live", headers: { authorization } });
  expect(answer.statusCode).toBe(404);
});

test("events that are committed out of order arrive once each, in the order of their ids", async () => {
  const stream = await openReady();
  const writers = await Promise.all(Array.from({ length: 4 }, begin));
  const ids: number[] = [];
  for (const writer of [...writers, ...writers]) ids.push(await add(writer));
  const [last = 0] = [await add()];
  for (const writer of writers.toReversed()) {
    await untilNextTurn(stream);
    await end(writer, "commit");
  }
  await untilIds(stream, [...ids, last]);
  const more = await add();
  await untilIds(stream, [...ids, last, more]);
});

const countConnections = () =>
  new Promise<number>((resolve) => app.server.getConnections((_, count) => resolve(count)));

/** Waits until the feed has read the timeline again: it compares the alerts in each turn, and reports in the next one. */
async function untilNextTurn(stream: Stream): Promise<void> {
  const before = pick(stream, "changed").length;
  await db.query(
    `insert into rollcall.alerts (name, state, since, evaluated_at) values ('test', $1, now(), now())
     on conflict (name) do update set state = excluded.state`,
    [randomUUID()],
  );
  await until(() =>
    pick(stream, "changed")
      .slice(before)
      .some(({ data }) => data.topics.includes("alerts")),
  );
}

test("an id that was rolled back holds nothing up, and an open transaction holds later events back", async () => {
  const stream = await openReady();
  await untilNextTurn(stream);
  const open = await begin();
  const slow = await add(open);
  const rolledBack = await begin();
  await add(rolledBack);
  await end(rolledBack, "rollback");
  const high = await add();
  await untilNextTurn(stream);
  expect(idsOf(stream)).toEqual([]);
  await end(open, "commit");
  await untilIds(stream, [slow, high]);
});

test("a stream resumes after the header's id without a gap and without doubles, also while transactions are open", async () => {
  const first = await openReady();
  const known = [await add(), await add()];
  await untilIds(first, known);
  first.close();
  const open = await begin();
  const slow = await add(open);
  const missed = await addMany(1_200);
  const second = await openReady({ "last-event-id": String(known[0]) }, "?after=1");
  await end(open, "commit");
  const last = await add();
  await untilIds(second, [known[1] ?? 0, slow, ...missed, last]);
  const third = await openReady({}, `?after=${missed.at(-1)}`);
  await untilIds(third, [last]);
});

test("a new stream begins with the events after it, and says so by an id to resume from", async () => {
  const before = await add();
  const stream = await openReady();
  const [first] = pick(stream, "opened");
  expect(first).toMatchObject({ id: before, data: { lastId: before } });
  const after = await add();
  await untilIds(stream, [after]);
});

test("all events of a burst arrive in order, and each stream gets them", async () => {
  const streams = [await openReady(), await openReady()];
  const ids = await addMany(8_000);
  for (const stream of streams) await untilIds(stream, ids);
  for (const stream of streams) expect(pick(stream, "gap")).toEqual([]);
});

test("a burst that is too long is left out, says from where to where, and the events after it arrive", async () => {
  const stream = await openReady();
  const ids = await addMany(30_000);
  await until(() => pick(stream, "gap").length > 0);
  const after = await add();
  await until(() => idsOf(stream).includes(after));
  const [gap] = pick(stream, "gap");
  expect(gap?.data.reason).toBe("far_behind");
  const arrived = new Set(idsOf(stream));
  const gone = ids.filter((id) => !arrived.has(id));
  expect(gone.length).toBeGreaterThan(10_000);
  for (const { id, data } of pick(stream, "gap")) expect(id).toBe(data.toId);
  expect(
    gone.every((id) => pick(stream, "gap").some(({ data }) => id >= data.fromId && id <= data.toId)),
  ).toBe(true);
  expect(idsOf(stream)).toEqual([...arrived].sort((a, b) => (a ?? 0) - (b ?? 0)));
});

test("a resume from too far behind gets the order to load the lists again", async () => {
  const old = await add();
  const ids = await addMany(12_000);
  const stream = await openReady({ "last-event-id": String(old) });
  const last = ids.at(-1) ?? 0;
  await until(() => pick(stream, "gap").length > 0);
  expect(pick(stream, "gap")).toMatchObject([
    { id: last, data: { fromId: old + 1, toId: last, reason: "far_behind" } },
  ]);
  const after = await add();
  await untilIds(stream, [after]);
});

test("an id that no event has yet, as after a restore, is answered with a gap instead of silence", async () => {
  const newest = await add();
  const stream = await openReady({ "last-event-id": String(newest + 1_000_000) });
  await until(() => pick(stream, "gap").length > 0);
  expect(pick(stream, "gap")).toMatchObject([{ id: newest, data: { toId: newest } }]);
  const after = await add();
  await untilIds(stream, [after]);
});

test("a caller that does not read is disconnected, and the others get everything", async () => {
  const other = await openReady();
  const { port } = app.server.address() as AddressInfo;
  const stuck = connect(port, "127.0.0.1");
  stuck.on("error", () => undefined);
  stuck.write(`GET /api/admin/live HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n\r\n`);
  await new Promise((resolve) => stuck.once("data", resolve));
  stuck.pause();
  const closed = new Promise((resolve) => stuck.once("close", resolve));
  const ids: number[] = [];
  const filler = { filler: "x".repeat(2_000) };
  while ((await countConnections()) > 1) {
    ids.push(...(await addMany(500, filler)));
    await untilIds(other, ids);
  }
  expect(other.isEnded()).toBe(false);
  stuck.resume();
  await closed;
});

test("a ninth stream of one account ends its oldest one", async () => {
  const streams: Stream[] = [];
  for (let count = 0; count < 9; count++) streams.push(await openReady());
  const [oldest, ...others] = streams;
  if (!oldest) throw new Error("There is no stream");
  await until(() => oldest.isEnded());
  expect(pick(oldest, "end").map(({ data }) => data.reason)).toEqual(["replaced"]);
  const id = await add();
  for (const stream of others) await untilIds(stream, [id]);
});

test("all streams of a process cost as much as one, and without a stream there is no statement", async () => {
  const query = vi.spyOn(context.pool, "query");
  const [first] = [await openReady(), await openReady(), await openReady()];
  const reads = () => query.mock.calls.filter(([text]) => String(text).includes("RowExclusiveLock")).length;
  const before = reads();
  for (const _ of [1, 2, 3]) await untilNextTurn(first);
  // Each change takes two turns, and a turn may have begun before.
  expect(reads() - before).toBeLessThan(12);
  for (const stream of opened.splice(0)) stream.close();
  await vi.waitFor(async () => expect(await countConnections()).toBe(0), { timeout: deadlineMs });
  const [idle, idleContext] = [app, context];
  ({ app, context } = await startTestApi(database));
  const other = await openReady();
  query.mockClear();
  for (const _ of [1, 2]) await untilNextTurn(other);
  // The check whether Postgres takes writes goes on.
  const texts = query.mock.calls.map(([text]) => String(text));
  expect(texts.filter((text) => !text.includes("rollcall.leases"))).toEqual([]);
  await idle.close();
  await idleContext.close();
});

test("what changes without an event is named: runs, alerts and dead letters; and what events are about", async () => {
  const stream = await openReady();
  await untilNextTurn(stream);
  const topics = () => new Set(pick(stream, "changed").flatMap(({ data }) => data.topics));
  await db.query("insert into rollcall.runs (mode, dry_run, started_by) values ('full', false, 'test')");
  await until(() => topics().has("runs"));
  const deadLetters = context.producers["dead-letter"];
  await deadLetters.connected(deadlineMs).then((queue) => queue.add("letter", {}));
  await until(() => topics().has("dead-letters"));
  await add(db, { kind: "tier_changed", cause: "admin", ref: "ana" });
  await add(db, { kind: "conflict_opened" });
  await add(db, { kind: "bulk_requested" });
  await until(() =>
    ["users", "audit", "conflicts", "bulk", "overview"].every((topic) => topics().has(topic as "users")),
  );
  const count = pick(stream, "changed").length;
  await db.query("update rollcall.runs set seen = 5");
  await until(() =>
    pick(stream, "changed")
      .slice(count)
      .some(({ data }) => data.topics.includes("runs")),
  );
});

test("while Postgres is away the stream stays and says so, and then goes on without a gap", async () => {
  const stream = await openReady();
  const first = await add();
  await untilIds(stream, [first]);
  await database.stopServer();
  await until(() => pick(stream, "heartbeat").at(-1)?.data.postgres === "down");
  const late = await open({ "last-event-id": String(first) });
  expect(late.response.statusCode).toBe(200);
  await database.startServer();
  await until(() => pick(stream, "heartbeat").at(-1)?.data.postgres === "up");
  const second = await vi.waitFor(() => add(), { timeout: deadlineMs });
  await untilIds(stream, [first, second]);
  await untilIds(late, [second]);
});

test("a stopping api ends the streams and does not wait for a caller that does not read", async () => {
  const stream = await openReady();
  const { port } = app.server.address() as AddressInfo;
  const stuck = connect(port, "127.0.0.1");
  stuck.on("error", () => undefined);
  stuck.write(`GET /api/admin/live HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n\r\n`);
  await new Promise((resolve) => stuck.once("data", resolve));
  stuck.pause();
  await addMany(400, { filler: "x".repeat(10_000) });
  await until(() => idsOf(stream).length === 400);
  await app.close();
  await until(() => stream.isEnded());
  expect(pick(stream, "end").map(({ data }) => data.reason)).toEqual(["stopping"]);
  stuck.destroy();
});

test("each stream counts as one answer, at its end", async () => {
  const counted = async () => {
    const totals = await context.metrics.readTotals();
    return totals.find(
      ({ metric, labels }) =>
        metric === "rollcall_http_requests_total" && labels["route"] === "/api/admin/live",
    )?.value;
  };
  const streams = [await openReady(), await openReady()];
  expect(await counted()).toBeUndefined();
  for (const stream of streams) stream.close();
  await vi.waitFor(async () => expect(await counted()).toBe(2), { timeout: deadlineMs });
});

test("the streams of a session end when the session is revoked, and others stay", async () => {
  const answer = await app.inject({ method: "POST", url: "/admin/login", payload: login });
  expect(answer.statusCode).toBe(200);
  const cookie = answer.cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
  const [own, other] = [await openReady({ cookie }), await openReady()];
  const { rows } = await db.query("select id from rollcall.admin_sessions");
  const revoked = await app.inject({
    method: "POST",
    url: `/api/admin/sessions/${rows[0].id}/revoke`,
    headers: { authorization },
  });
  expect(revoked.statusCode).toBe(204);
  await until(() => own.isEnded());
  expect(pick(own, "end").map(({ data }) => data.reason)).toEqual(["session"]);
  const id = await add();
  await until(() => idsOf(other).includes(id));
  expect((await open({ cookie })).response.statusCode).toBe(401);
});

test("the feed of all streams is no part of the trace of the request that started it", async () => {
  await app.close();
  await context.close();
  const { tracing, spans } = recordTracing();
  const [noLines, noStop] = [() => undefined, async () => undefined];
  const telemetry = { tracing, sendLogLine: noLines, connect: noLines, stop: noStop };
  ({ app, context } = await startTestApi(database, telemetry));
  const stream = await openReady();
  const ids: number[] = [];
  const readNext = async () => {
    ids.push(await add());
    await untilIds(stream, ids);
  };
  // The stream itself reads what it missed, until the feed sends it each event.
  await readNext();
  await readNext();
  const recorded = spans.length;
  expect(spans.map(({ name }) => name)).toContain("GET /api/admin/live");
  await readNext();
  expect(spans.slice(recorded)).toEqual([]);
});
