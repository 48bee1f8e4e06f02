import {
  activityView,
  alertRules,
  auditEntry,
  growthAnswer,
  growthHoursAnswer,
  listOf,
  overview,
} from "@rollcall/contracts";
import { writeAlerts, writeDelivery, writeFirings } from "@rollcall/db";
import type { FastifyInstance } from "fastify";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { ApiContext } from "../context.ts";
import { authorization, startTestApi, startTestDatabase, type TestDatabase } from "./testing.ts";

let database: TestDatabase;
let app: FastifyInstance;
let context: ApiContext;
beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(() => database?.remove());
beforeEach(async () => {
  ({ app, context } = await startTestApi(database));
});
afterEach(async () => {
  await app.close();
  await context.close();
  await database.db.query(
    "truncate users, rollcall.events, rollcall.runs, rollcall.alerts, rollcall.alert_firings, rollcall.alert_delivery cascade",
  );
});

async function read(path: string) {
  const answer = await app.inject({
    url: `/api/admin/${path}`,
    headers: { authorization, "accept-language": "en" },
  });
  return { status: answer.statusCode, body: answer.json() };
}

type Event = {
  clerkId?: string | null;
  kind?: string;
  cause?: string;
  ref?: string | null;
  details?: object;
  at?: string;
};

async function add({
  clerkId = "user_a",
  kind = "user_updated",
  cause = "webhook",
  ref = "msg_1",
  details = {},
  at = "0 seconds",
}: Event = {}): Promise<number> {
  const { rows } = await database.db.query(
    `insert into rollcall.events (clerk_id, kind, cause, ref, details, at)
     values ($1, $2, $3, $4, $5, now() - $6::interval) returning id`,
    [clerkId, kind, cause, ref, details, at],
  );
  return Number(rows[0].id);
}

async function readIds(path: string): Promise<{ ids: number[]; nextCursor: string | null }> {
  const { status, body } = await read(path);
  expect({ path, status }).toEqual({ path, status: 200 });
  return { ids: body.items.map(({ id }: { id: number }) => id), nextCursor: body.nextCursor };
}

test("activity lists events of all users, newest first, by kind, cause and user, in pages", async () => {
  const created = await add({ kind: "user_created" });
  const login = await add({ cause: "ensure", clerkId: "user_b" });
  const run = await add({ clerkId: null, kind: "reconcile_requested", cause: "admin", ref: "ana" });
  const { body } = await read("activity");
  expect(
    listOf(activityView)
      .parse(body)
      .items.map(({ id, clerkId }) => [id, clerkId]),
  ).toEqual([
    [run, null],
    [login, "user_b"],
    [created, "user_a"],
  ]);
  expect((await readIds("activity?kind=user_created,reconcile_requested")).ids).toEqual([run, created]);
  expect((await readIds("activity?cause=ensure")).ids).toEqual([login]);
  expect((await readIds("activity?clerkId=user_a")).ids).toEqual([created]);
  const first = await readIds("activity?limit=2");
  expect(first.ids).toEqual([run, login]);
  expect(await readIds(`activity?limit=2&cursor=${first.nextCursor}`)).toEqual({
    ids: [created],
    nextCursor: null,
  });
});

test("a rare kind is found over pages that read a bounded part of the timeline", async () => {
  const rare = await add({ kind: "user_purged" });
  await database.db.query(
    "insert into rollcall.events (clerk_id, kind, cause) select 'user_a', 'user_updated', 'webhook' from generate_series(1, 150000)",
  );
  const first = await readIds("activity?kind=user_purged");
  expect(first.ids).toEqual([]);
  expect(first.nextCursor).not.toBeNull();
  expect(await readIds(`activity?kind=user_purged&cursor=${first.nextCursor}`)).toEqual({
    ids: [rare],
    nextCursor: null,
  });
});

test("audit lists what operators did, and not what their jobs changed", async () => {
  const tier = await add({
    kind: "tier_changed",
    cause: "admin",
    ref: "ana",
    details: { from: "FREE", to: "PRO" },
  });
  await add({ kind: "user_updated", cause: "admin", ref: null });
  const run = await add({ clerkId: null, kind: "reconcile_requested", cause: "admin", ref: "otto" });
  await add({ clerkId: null, kind: "process_started", cause: "process", ref: "api" });
  const { body } = await read("audit");
  expect(listOf(auditEntry).parse(body).items).toMatchObject([
    { id: run, by: "otto", clerkId: null },
    { id: tier, by: "ana", kind: "tier_changed", clerkId: "user_a", details: { from: "FREE", to: "PRO" } },
  ]);
  expect((await readIds("audit?by=ana")).ids).toEqual([tier]);
  expect((await readIds("audit?kind=reconcile_requested")).ids).toEqual([run]);
  const first = await readIds("audit?limit=1");
  expect(await readIds(`audit?limit=1&cursor=${first.nextCursor}`)).toMatchObject({ ids: [tier] });
});

test.each([
  "activity?cursor=x",
  "activity?cursor=-1",
  "activity?limit=0",
  "activity?kind=DROP TABLE",
  "activity?clerkId=ana@example.com",
  "audit?cursor=1.5",
  "growth?days=0",
  "growth?days=x",
  "growth?days=367",
  "growth?zone=Mars/Olympus",
  "growth?zone=%2B05:30",
  "growth/hours?hours=169",
  "alerts/history?cursor=x",
  "live?after=x",
])("%s is answered with 400, which names the field", async (path) => {
  const { status, body } = await read(path);
  expect([status, body.error.code]).toEqual([400, "request.malformed"]);
  expect(body.error.message).toContain(/\?(\w+)=/.exec(path)?.[1]);
});

test("growth answers whole days up to today, of UTC or of a zone, and hours", async () => {
  await database.db.query("insert into users (clerk_id, clerk_created_at) values ('user_a', now())");
  await add({ kind: "user_created" });
  await add({ kind: "mentorado_created" });
  const today = new Date().toISOString().slice(0, 10);
  const utc = growthAnswer.parse((await read("growth?days=3")).body);
  expect(utc.zone).toBe("UTC");
  expect(utc.items).toHaveLength(3);
  expect(utc.items.at(-1)).toEqual({ day: today, signUps: 1, provisioned: 1, deleted: 0 });
  expect(growthAnswer.parse((await read("growth")).body).items).toHaveLength(30);
  const zone = growthAnswer.parse((await read("growth?days=2&zone=Pacific/Kiritimati")).body);
  expect(zone.items.at(-1)).toMatchObject({ signUps: 1 });
  const hours = growthHoursAnswer.parse((await read("growth/hours")).body);
  expect(hours.items).toHaveLength(48);
  expect(hours.items.at(-1)).toMatchObject({ signUps: 1, provisioned: 1, events: 2 });
});

test("the overview has the problems with what helps, and every part of the system over time", async () => {
  await add({
    kind: "process_started",
    cause: "process",
    ref: "api",
    details: { program: "api", version: "0.1.0" },
    at: "1 day",
  });
  await add({
    kind: "process_started",
    cause: "process",
    ref: "worker",
    details: { program: "worker", version: "0.1.0" },
    at: "2 hours",
  });
  await add({
    kind: "process_started",
    cause: "process",
    ref: "api",
    details: { program: "api", version: "0.2.0" },
    at: "1 hour",
  });
  await add({
    kind: "process_started",
    cause: "process",
    ref: "api",
    details: { program: "api", version: "0.2.0" },
  });
  await database.db.query(
    `insert into rollcall.runs (mode, dry_run, started_by, state, missed) values ('catch-up', false, 'schedule', 'succeeded', 3)`,
  );
  await database.db.query(
    `insert into rollcall.samples (metric, at, labels, value) values
       ('rollcall_webhooks_total', now(), '{"outcome":"accepted","type":"user.created"}', 7),
       ('rollcall_webhooks_total', now(), '{"outcome":"refused","type":"other"}', 100),
       ('rollcall_sync_lag_seconds_bucket', now(), '{"le":"60"}', 5),
       ('rollcall_sync_lag_seconds_bucket', now(), '{"le":"+Inf"}', 7),
       ('rollcall_queue_oldest_unfinished_seconds', now(), '{"queue":"sync"}', 12.5)`,
  );
  const { status, body } = await read("overview");
  const found = overview.parse(body);
  expect(status).toBe(200);
  expect(found.sources).toEqual({ postgres: "up", queue: "up", clerk: "not_configured", workers: 0 });
  expect(found.attention).toContainEqual({
    code: "no_worker",
    count: 0,
    params: {},
    helps: { page: null, command: "npx rollcall worker" },
  });
  expect(found.users).toEqual({ live: 0, withoutProfile: 0, banned: 0, deleted: 0, countedAt: null });
  expect(found.signUps?.day).toHaveLength(30);
  expect(found.signUps?.hour).toHaveLength(48);
  expect(found.timeToProfile).toEqual([]);
  expect(found.webhooks).toHaveLength(24);
  expect(found.webhooks?.at(-1)).toMatchObject({ arrived: 7, late: 2, caughtUp: 3 });
  expect(found.queueAge.now).toEqual([
    { queue: "ensure", oldestS: 0 },
    { queue: "sync", oldestS: 0 },
  ]);
  expect(found.queueAge.history?.map(({ oldestS }) => oldestS)).toEqual([12.5]);
  expect(found.runs).toHaveLength(1);
  expect(found.marks?.map(({ program, version, kind }) => [program, version, kind])).toEqual([
    ["api", "0.1.0", "restart"],
    ["worker", "0.1.0", "restart"],
    ["api", "0.2.0", "release"],
    ["api", "0.2.0", "restart"],
  ]);
});

test("callers of the overview share one computation", async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => read("overview")));
  expect(new Set(answers.map(({ body }) => body.at)).size).toBe(1);
});

test("the overview answers while Postgres is away: its parts are null, and the problem is named", async () => {
  await database.stopServer();
  try {
    const { status, body } = await read("overview");
    const found = overview.parse(body);
    expect(status).toBe(200);
    expect(found.attention.map(({ code }) => code)).toEqual(["postgres_down", "queue_down"]);
    const { users, signUps, timeToProfile, webhooks, queueAge, runs, marks } = found;
    expect({ users, signUps, timeToProfile, webhooks, queueAge, runs, marks }).toEqual({
      ...{ users: null, signUps: null, timeToProfile: null, webhooks: null, runs: null, marks: null },
      queueAge: { now: null, history: null },
    });
    expect((await read("activity")).status).toBe(503);
  } finally {
    await database.startServer();
  }
});

test("each firing stays in the history, and the delivery names the host alone", async () => {
  expect((await read("alerts/delivery")).body).toMatchObject({ host: null, state: "unknown" });
  const [rule] = alertRules;
  const [firedAt, resolvedAt] = [new Date("2026-01-01T00:00:00Z"), new Date("2026-01-01T01:00:00Z")];
  await writeAlerts(context.pool, []);
  await writeFirings(context.pool, [{ name: rule.name, value: 2, firedAt, resolvedAt: null }]);
  await writeFirings(context.pool, [
    { name: rule.name, value: 3, firedAt, resolvedAt },
    { name: "gone", value: null, firedAt: resolvedAt, resolvedAt: null },
  ]);
  const { body } = await read("alerts/history");
  expect(body.items).toMatchObject([
    { name: "gone", summary: "", value: null, resolvedAt: null },
    {
      name: rule.name,
      severity: rule.severity,
      summary: rule.summary,
      value: 2,
      resolvedAt: resolvedAt.toISOString(),
    },
  ]);
  const page = await readIds("alerts/history?limit=1");
  expect((await readIds(`alerts/history?limit=1&cursor=${page.nextCursor}`)).ids).toHaveLength(1);

  const nothing = { lastSentAt: null, lastFailedAt: null, lastFailureCode: null };
  await writeDelivery(context.pool, { ...nothing, host: "hooks.example.com", lastSentAt: firedAt });
  await writeDelivery(context.pool, {
    ...nothing,
    host: "hooks.example.com",
    lastFailedAt: resolvedAt,
    lastFailureCode: "http_500",
  });
  expect((await read("alerts/delivery")).body).toEqual({
    host: "hooks.example.com",
    lastSentAt: firedAt.toISOString(),
    lastFailedAt: resolvedAt.toISOString(),
    lastFailureCode: "http_500",
    state: "fails",
  });
  await writeDelivery(context.pool, { ...nothing, host: "other.example.com" });
  expect((await read("alerts/delivery")).body).toMatchObject({
    host: "other.example.com",
    lastSentAt: null,
    state: "unknown",
  });
  await writeDelivery(context.pool, { ...nothing, host: null });
  expect((await read("alerts/delivery")).body).toMatchObject({ host: null, state: "off" });
});
