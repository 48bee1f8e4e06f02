import { createLogger } from "@rollcall/observability";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { recordTracing } from "../testing/recorded-tracing.ts";
import { findInequalities } from "./testing/clerk-equality.ts";
import { type ManglingProxy, startManglingProxy } from "./testing/mangling-proxy.ts";
import { createReconciler, type Reconciler } from "./testing/reconciler.ts";
import { openStage, type Stage } from "./testing/stage.ts";

let stage: Stage;
let proxy: ManglingProxy;
let proxied: Reconciler;

beforeEach(async () => {
  stage = await openStage();
  proxy = await startManglingProxy(stage.clerk);
  proxied = createReconciler(stage.databaseUrl, stage.clerk, { apiUrl: proxy.url });
});
afterEach(async () => {
  await Promise.all([proxied.close(), proxy.close(), stage.close()]);
});

test("a first full sync makes a row and a profile for each user, with one request a page, and the next changes nothing", async () => {
  const { clerk, db } = stage;
  await clerk.users.seed(1_200);
  const first = await proxied.complete("full");
  expect(first).toMatchObject({
    state: "succeeded",
    startedBy: "test",
    pages: 3,
    seen: 1_200,
    total: 1_200,
    errorCode: null,
  });
  expect(first.counts).toMatchObject({ created: 1_200, updated: 0, unchanged: 0, failed: 0 });
  expect(proxy.listed()).toHaveLength(3);
  expect(await findInequalities(db, clerk)).toEqual([]);
  const marks = "select sum(read_ticket) as sequences, max(updated_at) as at, count(*) from users";
  const before = await db.query(marks);
  expect((await proxied.complete("full")).counts).toMatchObject({ created: 0, updated: 0, unchanged: 1_200 });
  expect((await db.query(marks)).rows).toEqual(before.rows);
});

test("a run is a span, with a span for each page, in which its request and its write are", async () => {
  const { tracing, spans } = recordTracing();
  const traced = createReconciler(stage.databaseUrl, stage.clerk, { tracing });
  await stage.clerk.users.seed(1_001);
  await traced.complete("full");
  await traced.complete("catch-up");
  await traced.close();
  expect(spans.filter(({ hasEnded }) => !hasEnded)).toEqual([]);
  for (const [mode, pages] of [
    ["full", 3],
    ["catch-up", 1],
  ] as const) {
    const [run, ...others] = spans.filter(({ name }) => name === `reconcile ${mode}`);
    const ofRun = spans.filter(({ name }) => name === `reconcile ${mode} page`);
    expect([others.length, ofRun.length]).toEqual([0, pages]);
    for (const page of ofRun) {
      const below = spans
        .filter(({ parent }) => parent?.spanId === page.context.spanId)
        .map(({ name }) => name);
      expect(page.parent).toEqual(run?.context);
      expect(below).toContain("GET /v1/users");
      if (mode === "full") expect(below).toContain("transaction");
    }
  }
});

test("a run that is interrupted leaves no span open, also of the page that it had fetched ahead", async () => {
  const { tracing, spans } = recordTracing();
  const traced = createReconciler(stage.databaseUrl, stage.clerk, { tracing });
  await stage.clerk.users.seed(501);
  // The write fails for every user, as in an outage.
  await stage.db.query("alter table rollcall.held_deletions rename to away");
  expect((await traced.run("full")).kind).toBe("interrupted");
  await stage.db.query("alter table rollcall.away rename to held_deletions");
  await traced.close();
  expect(spans.filter(({ name }) => name === "reconcile full page").length).toBeGreaterThan(1);
  await expect.poll(() => spans.filter(({ hasEnded }) => !hasEnded)).toEqual([]);
});

/** Collects the lines that the reconciler logs. */
function collectLog(reconciler: Reconciler): { event?: string; clerkId?: string; users?: number }[] {
  const lines: { event?: string; clerkId?: string; users?: number }[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line)) };
  reconciler.context.log = createLogger({ level: "info", process: "test", destination });
  return lines;
}

test("a page of more than 50 new users is logged as one line, and a smaller one as a line for each user", async () => {
  const lines = collectLog(proxied);
  await stage.clerk.users.seed(551);
  await proxied.complete("full");
  const ofPages = lines.filter(({ event }) => event === "users_created");
  expect(ofPages.map(({ users }) => users)).toEqual([500, 51]);
  expect(lines.filter(({ event }) => event === "mentorado_created")).toEqual([]);
  await stage.clerk.users.seed(50);
  await proxied.complete("full");
  expect(lines.filter(({ event }) => event === "users_created")).toHaveLength(2);
  expect(lines.filter(({ event }) => event === "mentorado_created")).toHaveLength(50);
  const { text: metrics } = await proxied.context.metrics.scrape();
  expect(metrics).toContain('rollcall_reconcile_drift_total{kind="missing_row"} 601');
  expect(metrics).toContain('rollcall_provision_total{cause="reconcile",outcome="created"} 601');
});

test("on a page of new users, known, deleted, invited and refused ones end as on any other page", async () => {
  const { clerk, db } = stage;
  await clerk.users.seed(120);
  const [deleted, ofApp, invited, refused] = (await clerk.users.list()).map(({ id }) => id);
  await db.query("insert into users (clerk_id, deleted_at) values ($1, now())", [deleted]);
  await db.query("insert into users (clerk_id, name) values ($1, 'Of the app')", [ofApp]);
  await clerk.users.update(refused ?? "", { firstName: "Refused" });
  await db.query("alter table users add constraint no_refused check (name not like 'Refused%')");
  const dropped: string[] = [];
  const invalidate = async (clerkIds: readonly string[]) => void dropped.push(...clerkIds);
  proxied.context.sessionCache = { ...proxied.context.sessionCache, invalidate };
  const { counts } = await proxied.complete("full");
  // Of the app's own user, the profile was made.
  expect(counts).toMatchObject({ created: 118, updated: 0, unchanged: 1, failed: 1, linked: 0 });
  expect(dropped).toHaveLength(119);
  await db.query("alter table users drop constraint no_refused");
  const lines = collectLog(proxied);
  await db.query("truncate users, mentorados, rollcall.events");
  await db.query(
    "insert into mentorados (nome_completo, email, turma) values ('Invited', (select $1::text), 'neon')",
    [(await clerk.users.list()).find(({ id }) => id === invited)?.email_addresses[0]?.email_address],
  );
  expect((await proxied.complete("full")).counts).toMatchObject({ created: 119, linked: 1, failed: 0 });
  expect(await findInequalities(db, clerk)).toEqual([]);
  expect(lines.filter(({ event }) => event === "users_created").map(({ users }) => users)).toEqual([119]);
  // All but 30 rows are there without a time of creation at Clerk, so the range of the page has none.
  await db.query("truncate mentorados, rollcall.events");
  await db.query("delete from users where id <= (select min(id) + 29 from users)");
  await db.query("update users set clerk_created_at = null");
  lines.length = 0;
  expect((await proxied.complete("full")).counts).toMatchObject({ created: 120, failed: 0 });
  expect(lines.filter(({ event }) => event === "users_created")).toEqual([]);
  expect(lines.filter(({ event }) => event === "mentorado_created")).toHaveLength(120);
});

test("every kind of drift is repaired, and edits of people and of the app stay", async () => {
  const { clerk, db, reconciler } = stage;
  await clerk.users.seed(12);
  await reconciler.complete("full");
  const ids = (await clerk.users.list()).map(({ id }) => id);
  const [older, noRow, noProfile, banned, admin, spoilt, edited, ours] = ids;
  await clerk.users.update(older ?? "", { firstName: "Newer" });
  await db.query("delete from mentorados where user_id in (select id from users where clerk_id = any ($1))", [
    [noRow, noProfile],
  ]);
  await db.query("delete from users where clerk_id = $1", [noRow]);
  await clerk.users.update(banned ?? "", { banned: true });
  await clerk.users.update(admin ?? "", { publicMetadata: { role: "admin" } });
  await db.query("update users set name = 'Spoilt', email = null where clerk_id = $1", [spoilt]);
  await db.query(
    "update mentorados set nome_completo = 'Edited' where user_id = (select id from users where clerk_id = $1)",
    [edited],
  );
  await db.query("update users set tier = 'GOLD', role = 'admin' where clerk_id = $1", [ours]);
  const run = await reconciler.complete("full");
  expect(run.counts).toMatchObject({ created: 2, updated: 4, unchanged: 6 });
  const kept = await db.query(
    `select (select tier || role from users where clerk_id = $1) as ours,
            (select count(*)::int from mentorados where nome_completo = 'Edited') as edited`,
    [ours],
  );
  expect(kept.rows).toEqual([{ ours: "GOLDadmin", edited: 1 }]);
  await db.query("update users set role = 'user' where clerk_id = $1", [ours]);
  expect(await findInequalities(db, clerk)).toEqual([]);
});

test.each([
  { does: "takes", setting: "statement_timeout", limit: "5 s", error: "query_canceled" },
  { does: "waits for a lock", setting: "lock_timeout", limit: "0.1 s", error: "lock_not_available" },
])(
  "a page of new users that $does too long is written by two statements",
  async ({ setting, limit, error }) => {
    const { clerk, db } = stage;
    const lines = collectLog(proxied);
    await clerk.users.seed(60);
    // Postgres ends a statement at its limit with the same error. The two statements have a longer one.
    await db.query(`
    create function be_slow() returns trigger language plpgsql as $$ begin
      if current_setting('${setting}')::interval <= '${limit}' then raise exception using errcode = '${error}'; end if;
      return new;
    end $$;
    create trigger be_slow before insert on users for each row execute function be_slow()`);
    const run = await proxied.complete("full");
    expect(run).toMatchObject({ state: "succeeded", counts: { created: 60, failed: 0 } });
    expect(await findInequalities(db, clerk)).toEqual([]);
    expect(lines.filter(({ event }) => event === "users_created")).toEqual([]);
  },
);

test("a row that a trigger of the app changes is no missed webhook, and the log names it", async () => {
  const { clerk, db } = stage;
  await clerk.users.seed(3);
  // A webhook of the last seconds could still come.
  for (const { id } of await clerk.users.list())
    await clerk.users.update(id, { raw: { updated_at: Date.now() - 60_000 } });
  await db.query(`
    create function shout() returns trigger language plpgsql as $$ begin new.name := upper(new.name); return new; end $$;
    create trigger shout before insert or update on users for each row execute function shout()`);
  const lines: string[] = [];
  proxied.context.log = createLogger({
    level: "warn",
    process: "test",
    destination: { write: (line) => lines.push(line) },
  });
  await proxied.complete("full");
  const run = await proxied.complete("full");
  expect(run).toMatchObject({ counts: { created: 0, updated: 3, failed: 0 }, missed: 0 });
  expect(lines.join("").match(/"event":"user_altered_by_app"/g)).toHaveLength(3);
  expect((await db.query("select from rollcall.events where kind = 'user_updated'")).rowCount).toBe(0);
});

test("a user that cannot be read, or that Postgres refuses, is counted as failed and does not stop the others", async () => {
  const { clerk, db, reconciler } = stage;
  await clerk.users.seed(600);
  const users = await clerk.users.list({ limit: 600 });
  await clerk.users.update(users[10]?.id ?? "", { raw: { id: "unreadable" } });
  await clerk.users.update(users[20]?.id ?? "", { firstName: "Refused" });
  await db.query(`
    create function refuse() returns trigger language plpgsql as $$
    begin if new.name like 'Refused%' then raise exception 'no'; end if; return new; end $$;
    create trigger refuse before insert on users for each row execute function refuse()`);
  const run = await reconciler.complete("full");
  expect(run).toMatchObject({ state: "succeeded", seen: 600, counts: { created: 598, failed: 2 } });
});

describe("the walk", () => {
  test("continues when the cursor's user is deleted, and misses no user", async () => {
    const { clerk, db } = stage;
    await clerk.users.seed(1_600);
    proxy.mangle(({ parameters }) => {
      if (proxy.listed().length === 1) return undefined;
      const cursor = parameters.get("starting_after");
      // Deleted between two pages: the request names a user that Clerk does not know.
      return cursor && proxy.listed().length % 2 === 0 ? 422 : undefined;
    });
    const run = await proxied.complete("full");
    expect(run).toMatchObject({ state: "succeeded", seen: 1_600, counts: { created: 1_600 } });
    expect(proxy.listed().some((query) => query.has("created_at_after"))).toBe(true);
    expect(await findInequalities(db, clerk)).toEqual([]);
  });

  test("misses no user and deletes no user by mistake while users sign up and leave between its pages", async () => {
    const { clerk, db, reconciler } = stage;
    await clerk.users.seed(2_000);
    await reconciler.complete("full");
    const users = await clerk.users.list({ limit: 2_000 });
    let page = 0;
    proxy.mangle(({ path, parameters }) => {
      if (path !== "/v1/users" || parameters.has("user_id")) return undefined;
      const at = 500 * page++;
      // After this page: deletes the cursor's user, one behind and one before it. Then a new user signs up.
      for (const index of [at + 499, at + 510, at + 100]) {
        const id = users[index]?.id;
        if (id && page < 4) void clerk.users.delete(id, { silent: true });
      }
      void clerk.users.create({ firstName: `Late ${page}` }, { silent: true });
      return undefined;
    });
    const run = await proxied.complete("full");
    proxy.mangle(undefined);
    expect(run.state).toBe("succeeded");
    await reconciler.complete("full");
    await reconciler.complete("catch-up");
    expect(await findInequalities(db, clerk)).toEqual([]);
  });

  test("detects that Clerk ignores the cursor and uses creation times, also among users of one millisecond", async () => {
    const withoutCursor = await openStage({ cursor: "ignored" });
    try {
      await withoutCursor.clerk.users.seed(700, { firstCreatedAtMs: 1_000_000, stepMs: 1_000 });
      await withoutCursor.clerk.users.seed(1_300, { firstCreatedAtMs: 5_000_000, stepMs: 0 });
      await withoutCursor.clerk.users.seed(600, { firstCreatedAtMs: 6_000_000, stepMs: 1 });
      const run = await withoutCursor.reconciler.complete("full");
      expect(run).toMatchObject({ state: "succeeded", seen: 2_600, counts: { created: 2_600 } });
      const again = await withoutCursor.reconciler.complete("full");
      expect(again.counts).toMatchObject({ unchanged: 2_600, deleted: 0, held: 0 });
      expect(await findInequalities(withoutCursor.db, withoutCursor.clerk)).toEqual([]);
    } finally {
      await withoutCursor.close();
    }
  });

  test("makes no deletion candidates among users of one millisecond on several pages", async () => {
    const { clerk, reconciler } = stage;
    await clerk.users.seed(1_700, { firstCreatedAtMs: 5_000_000, stepMs: 0 });
    await reconciler.complete("full");
    await clerk.requests.clear();
    expect((await reconciler.complete("full")).counts).toMatchObject({ unchanged: 1_700, deleted: 0 });
    const byId = (await clerk.requests.list({ path: "/v1/users" })).filter(({ query }) =>
      query.includes("user_id"),
    );
    expect(byId).toEqual([]);
  });

  test("confirms rows with a wrong or missing creation time by id, and repairs them instead of deleting them", async () => {
    const { clerk, db, reconciler } = stage;
    await clerk.users.seed(1_100);
    await reconciler.complete("full");
    const users = await clerk.users.list({ limit: 1_100 });
    const [early, late, none] = [users[50]?.id, users[1_000]?.id, users[600]?.id];
    await db.query("update users set clerk_created_at = now() where clerk_id = $1", [early]);
    await db.query("update users set clerk_created_at = '1990-01-01' where clerk_id = $1", [late]);
    await db.query("update users set clerk_created_at = null, clerk_updated_at = null where clerk_id = $1", [
      none,
    ]);
    await db.query("insert into users (clerk_id) values ('user_never_at_clerk')");
    const run = await reconciler.complete("full");
    expect(run.counts).toMatchObject({ deleted: 1, updated: 3 });
    expect(await findInequalities(db, clerk)).toEqual([]);
  });
});

test("conflicts are evaluated again at the end", async () => {
  const { clerk, db, reconciler } = stage;
  const emails = [{ address: "ada@example.com", status: "unverified" as const }];
  await db.query("insert into mentorados (nome_completo, email) values ('Unclaimed', 'ada@example.com')");
  await clerk.users.create({ emails });
  await reconciler.complete("full");
  const open = "select reason from rollcall.conflicts where state = 'open'";
  expect((await db.query(open)).rows).toEqual([{ reason: "unverified_email" }]);
  await db.query("delete from mentorados where nome_completo = 'Unclaimed'");
  await reconciler.complete("full");
  expect((await db.query(open)).rows).toEqual([]);
});
