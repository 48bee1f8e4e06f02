import type { RunView } from "@rollcall/contracts";
import { acquireLease, findHeldRun, findRun, inTransaction, tombstoneAbsent } from "@rollcall/db";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { noSessionCache } from "../ensure/session-cache.ts";
import { confirmDeletions } from "./confirm-held-deletions.ts";
import { cancelRun, requestConfirmation, requestRun } from "./request-run.ts";
import { findInequalities } from "./testing/clerk-equality.ts";
import { type ManglingProxy, startManglingProxy } from "./testing/mangling-proxy.ts";
import { createReconciler, type Reconciler } from "./testing/reconciler.ts";
import { openStage, type Stage } from "./testing/stage.ts";

let stage: Stage;
let proxy: ManglingProxy;
let proxied: Reconciler;
let invalidated: string[];
/** Called before cache keys are deleted. */
let onInvalidate: () => void;

beforeEach(async () => {
  stage = await openStage();
  proxy = await startManglingProxy(stage.clerk);
  invalidated = [];
  onInvalidate = () => undefined;
  const sessionCache = {
    ...noSessionCache,
    invalidate: async (clerkIds: readonly string[]) => {
      onInvalidate();
      invalidated.push(...clerkIds);
    },
  };
  proxied = createReconciler(stage.databaseUrl, stage.clerk, { apiUrl: proxy.url, sessionCache });
});
afterEach(async () => {
  await Promise.all([proxied.close(), proxy.close(), stage.close()]);
});

/** Protects a row like a rule of the app would. */
async function protect(clerkId: string | undefined): Promise<void> {
  await stage.db.query(`
    create function protect() returns trigger language plpgsql as $$
    begin if old.clerk_id = '${clerkId}' then raise exception 'no'; end if; return new; end $$;
    create trigger protect before update of deleted_at on users for each row execute function protect()`);
}

/** Locks a row as a transaction of the app does. @returns ends the transaction */
async function lock(clerkId: string | undefined): Promise<() => Promise<void>> {
  const app = await stage.db.connect();
  await app.query("begin");
  // The app has no limit like that of our pool, which ends a transaction that is idle for 10 s.
  await app.query("set local idle_in_transaction_session_timeout = 0");
  await app.query("select from users where clerk_id = $1 for update", [clerkId]);
  return async () => {
    await app.query("rollback");
    app.release();
  };
}

/** Makes `count` users here and at Clerk, and then deletes the first `leaving` of them without a webhook. */
async function loseUsers(count: number, leaving: number): Promise<string[]> {
  const { clerk } = stage;
  await clerk.users.seed(count);
  await proxied.complete("full");
  const ids = (await clerk.users.list({ limit: leaving })).map(({ id }) => id);
  for (const id of ids) await clerk.users.delete(id, { silent: true });
  invalidated.length = 0;
  return ids;
}

async function countRows() {
  const counted = await stage.db.query(
    `select (select count(*)::int from users where deleted_at is not null) as deleted,
            (select count(*)::int from users where deleted_at is not null and coalesce(email, name, image_url) is not null) as kept,
            (select count(*)::int from rollcall.held_deletions) as held`,
  );
  return counted.rows[0];
}

test("few absent users are deleted: erased, unlinked, and their cache keys deleted", async () => {
  const absent = await loseUsers(50, 5);
  const run = await proxied.complete("full");
  expect(run).toMatchObject({ state: "succeeded", counts: { deleted: 5, held: 0, unchanged: 45 } });
  expect(await countRows()).toEqual({ deleted: 5, kept: 0, held: 0 });
  expect(new Set(invalidated)).toEqual(new Set(absent));
  expect(await findInequalities(stage.db, stage.clerk)).toEqual([]);
  const events = await stage.db.query(
    "select cause, ref, details from rollcall.events where kind = 'user_tombstoned'",
  );
  expect(events.rows).toEqual(
    Array(5).fill({ cause: "reconcile", ref: String(run.id), details: { by: "absence" } }),
  );
});

test("more than the guard allows are all held, and a person's confirmation deletes them", async () => {
  const { clerk, db } = stage;
  const absent = await loseUsers(50, 6);
  const held = await proxied.complete("full");
  expect(held).toMatchObject({ state: "held", counts: { deleted: 0, held: 6 } });
  expect(held.reason).toContain("6 deletions");
  expect(await countRows()).toEqual({ deleted: 0, kept: 0, held: 6 });
  const confirmed = await confirmDeletions(proxied.context, held.id, "ops");
  expect(confirmed).toMatchObject({
    state: "succeeded",
    confirmedBy: "ops",
    counts: { deleted: 6, held: 0 },
  });
  expect(await countRows()).toEqual({ deleted: 6, kept: 0, held: 0 });
  expect(new Set(invalidated)).toEqual(new Set(absent));
  expect(await findInequalities(db, clerk)).toEqual([]);
  await expect(confirmDeletions(proxied.context, held.id, "ops")).rejects.toMatchObject({
    code: "run.not_held",
  });
  // Confirmed deletions do not count against the guard.
  const [next] = await clerk.users.list({ limit: 1 });
  await clerk.users.delete(next?.id ?? "", { silent: true });
  expect(await proxied.complete("full")).toMatchObject({ state: "succeeded", counts: { deleted: 1 } });
});

test("of many users 0.5 % may be deleted, and deletions from other paths count too", async () => {
  const { db } = stage;
  await loseUsers(1_600, 8);
  expect(await proxied.complete("full", { dryRun: true })).toMatchObject({
    state: "succeeded",
    counts: { deleted: 8 },
  });
  await db.query("insert into users (clerk_id) values ('user_elsewhere')");
  const absent = { clerkId: "user_elsewhere", cause: "webhook", ref: null };
  await inTransaction(db, (client) => tombstoneAbsent(client, absent));
  expect(await proxied.complete("full")).toMatchObject({ state: "held", counts: { deleted: 0, held: 8 } });
});

describe("a full sync that deletes in several transactions", () => {
  /** Starts a full sync that deletes two users at a time, and ends its process after the first two. */
  async function dieAfterTwo() {
    const process = new AbortController();
    proxied.context.deletionsAtOnce = 2;
    const onProgress = ({ counts }: RunView) => counts.deleted > 0 && process.abort();
    expect((await proxied.run("full", { signal: process.signal, onProgress })).kind).toBe("interrupted");
    expect(await countRows()).toEqual({ deleted: 2, kept: 0, held: 0 });
  }

  test("goes on behind the last one after a crash, and deletes and counts each user once", async () => {
    const absent = await loseUsers(50, 5);
    await dieAfterTwo();
    const run = await proxied.complete("full");
    expect(run).toMatchObject({ state: "succeeded", counts: { deleted: 5, held: 0, failed: 0 } });
    expect(await countRows()).toEqual({ deleted: 5, kept: 0, held: 0 });
    expect(new Set(invalidated)).toEqual(new Set(absent));
    const events = await stage.db.query(
      "select from rollcall.events where kind = 'user_tombstoned' and details ->> 'by' = 'absence'",
    );
    expect(events.rowCount).toBe(5);
  });

  test("deletes their cache keys page by page, because a cancelled run has no end", async () => {
    const { db } = stage;
    await loseUsers(50, 5);
    await dieAfterTwo();
    const { rows } = await db.query<{ id: number }>(
      "select id::int from rollcall.runs where state = 'running'",
    );
    const cancelled = await cancelRun(proxied.context, rows[0]?.id ?? 0, "ops");
    expect(cancelled).toMatchObject({ state: "cancelled", counts: { deleted: 2 } });
    const deleted = await db.query<{ id: string }>(
      "select clerk_id as id from users where deleted_at is not null",
    );
    expect(new Set(invalidated)).toEqual(new Set(deleted.rows.map(({ id }) => id)));
  });

  test("is counted whole by the guard, once, before the first of them", async () => {
    const { db } = stage;
    await loseUsers(50, 5);
    await dieAfterTwo();
    await db.query("insert into users (clerk_id) values ('user_elsewhere')");
    const absent = { clerkId: "user_elsewhere", cause: "webhook", ref: null };
    // Two deletions are done and three are decided, which is the limit of a day. No run holds the guard's lock meanwhile.
    expect(await inTransaction(db, (client) => tombstoneAbsent(client, absent))).toBe("held");
    expect(await proxied.complete("full")).toMatchObject({ state: "succeeded", counts: { deleted: 5 } });
    expect(await inTransaction(db, (client) => tombstoneAbsent(client, absent))).toBe("held");
  });

  test("holds all deletions or none, and keeps the decision of the guard over a crash", async () => {
    const { db } = stage;
    const last = (await loseUsers(50, 6)).toSorted().at(-1);
    await db.query(`
      create function fill() returns trigger language plpgsql as $$
      begin if new.clerk_id = '${last}' then raise 'full' using errcode = '53100'; end if; return new; end $$;
      create trigger fill before insert on rollcall.held_deletions for each row execute function fill()`);
    expect((await proxied.run("full")).kind).toBe("interrupted");
    await db.query("drop trigger fill on rollcall.held_deletions");
    expect(await countRows()).toEqual({ deleted: 0, kept: 0, held: 0 });
    // With so many users, the guard would decide otherwise now.
    await db.query(
      "insert into users (clerk_id, created_at) select 'user_' || i, '2020-01-01' from generate_series(1, 2000) i",
    );
    expect(await proxied.complete("full")).toMatchObject({ state: "held", counts: { deleted: 0, held: 6 } });
  });
});

test("a user that Clerk has again at the confirmation is released and not deleted", async () => {
  const { clerk, db } = stage;
  await clerk.users.seed(30);
  await proxied.complete("full");
  const hidden = (await clerk.users.list({ limit: 8 })).map(({ id }) => id);
  // Clerk hides eight users for a while, and counts without them.
  proxy.mangle(({ path }, answer) => {
    if (path === "/v1/users/count") return { object: "total_count", total_count: 22 };
    return Array.isArray(answer) ? answer.filter(({ id }) => !hidden.includes(id)) : undefined;
  });
  const held = await proxied.complete("full");
  expect(held).toMatchObject({ state: "held", counts: { held: 8 } });
  proxy.mangle(undefined);
  await clerk.users.delete(hidden[0] ?? "", { silent: true });
  const confirmed = await confirmDeletions(proxied.context, held.id, "ops");
  expect(confirmed).toMatchObject({ state: "succeeded", counts: { deleted: 1, held: 0 } });
  expect(await countRows()).toEqual({ deleted: 1, kept: 0, held: 0 });
  expect(await findInequalities(db, clerk)).toEqual([]);
});

test("a confirmation that failed in the middle can be repeated", async () => {
  await loseUsers(300, 150);
  const held = await proxied.complete("full");
  expect(held.counts.held).toBe(150);
  let answers = 0;
  proxy.mangle(({ parameters }) => (parameters.has("user_id") && ++answers > 1 ? 403 : undefined));
  await expect(confirmDeletions(proxied.context, held.id, "ops")).rejects.toMatchObject({
    code: "clerk.unauthorized",
  });
  expect(await countRows()).toMatchObject({ deleted: 99, held: 51 });
  proxy.mangle(undefined);
  const confirmed = await confirmDeletions(proxied.context, held.id, "ops");
  expect(confirmed).toMatchObject({ state: "succeeded", counts: { deleted: 150, held: 0 } });
});

test("a confirmation whose process died before the cache keys were deleted deletes them when it is repeated", async () => {
  const absent = await loseUsers(50, 6);
  const held = await proxied.complete("full");
  invalidated.length = 0;
  const death = new AbortController();
  onInvalidate = () => {
    death.abort();
    throw new Error("died");
  };
  await expect(confirmDeletions(proxied.context, held.id, "ops", { signal: death.signal })).rejects.toThrow();
  expect(await countRows()).toEqual({ deleted: 6, kept: 0, held: 0 });
  expect(invalidated).toEqual([]);
  onInvalidate = () => undefined;
  const confirmed = await confirmDeletions(proxied.context, held.id, "ops");
  expect(confirmed).toMatchObject({ state: "succeeded", counts: { deleted: 6, held: 0 } });
  expect(new Set(invalidated)).toEqual(new Set(absent));
});

test("a confirmed deletion that the app's own rules refuse stays held until the next full sync", async () => {
  const [protectedId] = await loseUsers(50, 7);
  const held = await proxied.complete("full");
  await protect(protectedId);
  expect(await confirmDeletions(proxied.context, held.id, "ops")).toMatchObject({
    state: "held",
    counts: { deleted: 6, failed: 1, held: 1 },
  });
  expect(await countRows()).toEqual({ deleted: 6, kept: 0, held: 1 });
  await stage.db.query("drop trigger protect on users");
  expect(await proxied.complete("full")).toMatchObject({
    state: "succeeded",
    counts: { deleted: 1, held: 0 },
  });
  expect(await countRows()).toEqual({ deleted: 7, kept: 0, held: 0 });
});

test("only the newest held run can be confirmed, and not while another run works", async () => {
  await loseUsers(50, 6);
  const first = await proxied.complete("full");
  const second = await proxied.complete("full");
  expect([first.state, second.state]).toEqual(["held", "held"]);
  const confirm = (id: number) => confirmDeletions(proxied.context, id, "ops");
  await expect(confirm(first.id)).rejects.toMatchObject({ code: "run.superseded" });
  await expect(confirm(99)).rejects.toMatchObject({ code: "run.unknown" });
  const lease = await acquireLease(stage.db, "full", 60_000);
  expect(lease).toBeDefined();
  await expect(confirm(second.id)).rejects.toMatchObject({ code: "run.busy" });
  await stage.db.query("update rollcall.leases set expires_at = now()");
  expect(await confirm(second.id)).toMatchObject({ state: "succeeded", counts: { deleted: 6 } });
});

test("a run says when how many deletions were confirmed, and when a later run replaced it", async () => {
  await loseUsers(50, 6);
  const first = await proxied.complete("full");
  const second = await proxied.complete("full");
  const { pool } = proxied.context;
  expect([(await findRun(pool, first.id))?.superseded, second.superseded]).toEqual([true, false]);
  expect(await findHeldRun(pool)).toBe(second.id);
  await requestConfirmation({ pool }, second.id, "ops");
  await confirmDeletions(proxied.context, second.id, "ops");
  expect(await findRun(pool, second.id)).toMatchObject({
    confirmedBy: "ops",
    confirmation: { at: expect.any(String), held: 6 },
    superseded: false,
  });
  expect(await findHeldRun(pool)).toBeNull();
  expect((await proxied.complete("full", { dryRun: true })).superseded).toBe(false);
});

test("a full sync releases held users that Clerk has", async () => {
  const { clerk, db } = stage;
  await clerk.users.seed(10);
  await proxied.complete("full");
  await db.query("insert into rollcall.held_deletions (clerk_id) select clerk_id from users limit 3");
  expect((await proxied.complete("full")).counts).toMatchObject({ unchanged: 10 });
  expect(await countRows()).toMatchObject({ held: 0 });
});

test("a user who came while the full sync ran is not deleted by an older page", async () => {
  const { clerk, db, reconciler } = stage;
  await clerk.users.seed(30);
  await proxied.complete("full");
  proxy.mangle(async ({ path, parameters }) => {
    if (path !== "/v1/users" || parameters.has("user_id")) return;
    // The page is answered. Now a user signs up and gets a row before the page is compared.
    await clerk.users.create({ id: "user_newcomer" }, { silent: true });
    await reconciler.complete("catch-up");
  });
  expect(await proxied.complete("full")).toMatchObject({
    state: "succeeded",
    counts: { deleted: 0, held: 0 },
  });
  expect(
    (await db.query("select from users where clerk_id = 'user_newcomer' and deleted_at is null")).rowCount,
  ).toBe(1);
});

describe("while Clerk's lists lag behind its writes", () => {
  test("a full sync deletes no user that signed up since", async () => {
    const { clerk, db } = stage;
    const [gone = ""] = await loseUsers(20, 1);
    await clerk.faults.add({ kind: "stale", reads: "lists" });
    const young = await clerk.users.create();
    await db.query(
      `insert into users (clerk_id, clerk_created_at, clerk_updated_at)
       values ($1, to_timestamp($2 / 1000.0), to_timestamp($3 / 1000.0))`,
      [young.id, young.created_at, young.updated_at],
    );
    const run = await proxied.complete("full");
    expect(run).toMatchObject({ state: "succeeded", counts: { deleted: 1, held: 0 } });
    const deleted = await db.query("select clerk_id from users where deleted_at is not null");
    expect(deleted.rows).toEqual([{ clerk_id: gone }]);
    expect(await findInequalities(db, clerk)).toEqual([]);
  });

  test("an operator's confirmation deletes no user that exists", async () => {
    const { clerk, db } = stage;
    const absent = await loseUsers(50, 6);
    const held = await proxied.complete("full");
    await clerk.faults.add({ kind: "stale", reads: "lists" });
    const young = await clerk.users.create();
    await db.query("insert into users (clerk_id, clerk_updated_at) values ($1, now())", [young.id]);
    await db.query(
      "update rollcall.deletion_candidates set clerk_id = $1 where run_id = $2 and clerk_id = $3",
      [young.id, held.id, absent[0]],
    );
    await confirmDeletions(proxied.context, held.id, "ops");
    const kept = await db.query("select deleted_at from users where clerk_id = $1", [young.id]);
    expect(kept.rows).toEqual([{ deleted_at: null }]);
  });
});

test("a user that the app's own rules protect does not stop the other deletions", async () => {
  const [protectedId] = await loseUsers(50, 4);
  await protect(protectedId);
  const dry = await proxied.complete("full", { dryRun: true });
  const real = await proxied.complete("full");
  expect(real).toMatchObject({ state: "succeeded", counts: { deleted: 3, failed: 1 } });
  expect(dry.counts).toEqual(real.counts);
});

test("a user whose row the app keeps locked does not stop the other deletions, and a later full sync deletes it", async () => {
  const [lockedId] = await loseUsers(50, 4);
  const unlock = await lock(lockedId);
  const dry = await proxied.complete("full", { dryRun: true });
  const real = await proxied.complete("full");
  await unlock();
  expect(real).toMatchObject({ state: "succeeded", counts: { deleted: 3, failed: 1 } });
  expect(dry.counts).toEqual(real.counts);
  expect(await proxied.complete("full")).toMatchObject({ state: "succeeded", counts: { deleted: 1 } });
});

test("a confirmed deletion of a row that the app keeps locked stays held, and the other deletions are carried out", async () => {
  const [lockedId] = await loseUsers(50, 7);
  const held = await proxied.complete("full");
  const unlock = await lock(lockedId);
  const confirmed = await confirmDeletions(proxied.context, held.id, "ops");
  await unlock();
  expect(confirmed).toMatchObject({ state: "held", counts: { deleted: 6, failed: 1, held: 1 } });
});

test("concurrent requests for a run make one run", async () => {
  const request = () => requestRun(proxied.context, { mode: "full", dryRun: false }, { program: "test" });
  const made = await Promise.all(Array.from({ length: 10 }, request));
  expect(new Set(made.map(({ run }) => run.id)).size).toBe(1);
  expect(made.filter(({ isNew }) => isNew)).toHaveLength(1);
});
