import type { RowKey } from "@rollcall/contracts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { evaluateConflicts, listConflicts } from "./conflicts.ts";
import { countOpenConflicts } from "./counts.ts";
import type { Pool } from "./pool.ts";
import { dismissConflict, linkCandidate } from "./resolve-conflict.ts";
import { createTestPool, makeSnapshot, untilBlocked, writeUsers } from "./testing.ts";
import { inTransaction } from "./transaction.ts";

let pool: Pool;
let conflict: { id: number; candidateId: RowKey; freshId: RowKey };

beforeAll(async () => {
  pool = await createTestPool();
  await pool.query(
    "create table app_notes (id serial primary key, mentorado_id int references mentorados (id) on delete cascade)",
  );
});
beforeEach(async () => {
  await pool.query("truncate users, mentorados, rollcall.conflicts cascade");
  conflict = await makeConflict();
});
afterAll(() => pool.end());

/** Makes a user with a fresh profile, beside an unclaimed profile with the same address. */
async function makeConflict() {
  await pool.query("insert into mentorados (nome_completo, email) values ('Unclaimed', 'a@example.com')");
  await writeUsers(pool, [makeSnapshot({ emailVerified: false })]);
  const [open] = await listConflicts(pool, { state: "open", beforeId: undefined, limit: 1 });
  const [candidateId] = open?.candidateIds ?? [];
  if (!open || candidateId === undefined || open.profileId === null)
    throw new Error("No conflict was opened");
  return { id: open.id, candidateId, freshId: open.profileId };
}

const resolve = ({ discardProfile = false } = {}) =>
  inTransaction(pool, (client) =>
    linkCandidate(client, conflict.id, { mentoradoId: conflict.candidateId, discardProfile, by: "ops" }),
  );

const dismiss = () => inTransaction(pool, (client) => dismissConflict(client, conflict.id, "ops"));

/** Starts `work` while a transaction of the app with `sql` is open. `work` must wait for its commit. */
async function whileAppWrites<T>(sql: string, work: () => Promise<T>): Promise<PromiseSettledResult<T>> {
  const app = await pool.connect();
  try {
    await app.query("begin");
    await app.query("set local idle_in_transaction_session_timeout = 0");
    await app.query(sql, [conflict.freshId]);
    const settled = Promise.allSettled([work()]);
    await untilBlocked(pool);
    await app.query("commit");
    return (await settled)[0];
  } finally {
    app.release();
  }
}

const readProfiles = async () =>
  (await pool.query("select id, user_id is not null as taken, meta_leads from mentorados order by id")).rows;

const edit = "update mentorados set meta_leads = 999 where id = $1";
const note = "insert into app_notes (mentorado_id) values ($1)";

test.each([
  ["edits", edit, 999],
  ["refers to", note, 50],
])("a profile that the app %s at this moment is not removed", async (_what, sql, metaLeads) => {
  const outcome = await whileAppWrites(sql, () => resolve());
  expect(outcome).toMatchObject({ status: "rejected", reason: { code: "conflict.profile_touched" } });
  expect(await readProfiles()).toEqual([
    { id: conflict.candidateId, taken: false, meta_leads: 50 },
    { id: conflict.freshId, taken: true, meta_leads: metaLeads },
  ]);
  expect((await pool.query("select from app_notes")).rowCount).toBe(sql === note ? 1 : 0);
});

test("a profile that the app edits at this moment is unlinked with the edit in it, if the operator discards it", async () => {
  const outcome = await whileAppWrites(edit, () => resolve({ discardProfile: true }));
  expect(outcome).toEqual({ status: "fulfilled", value: "user_a" });
  expect(await readProfiles()).toEqual([
    { id: conflict.candidateId, taken: true, meta_leads: 50 },
    { id: conflict.freshId, taken: false, meta_leads: 999 },
  ]);
});

test("a profile that the app takes from the user at this moment stays, and the candidate is linked", async () => {
  const release = "update mentorados set user_id = null, meta_leads = 7 where id = $1";
  expect(await whileAppWrites(release, () => resolve())).toMatchObject({ status: "fulfilled" });
  expect(await readProfiles()).toEqual([
    { id: conflict.candidateId, taken: true, meta_leads: 50 },
    { id: conflict.freshId, taken: false, meta_leads: 7 },
  ]);
});

test.each([
  ["present profile", "select from mentorados where id = $1 for update"],
  ["candidate", "select from mentorados where id <> $1 for update"],
  ["user", "select from users where $1::int is not null for update"],
])("a locked %s makes a refusal and no outage, and nothing is changed", async (_what, sql) => {
  const app = await pool.connect();
  await app.query("begin");
  await app.query("set local idle_in_transaction_session_timeout = 0");
  await app.query(sql, [conflict.freshId]);
  const before = await readProfiles();
  await expect(resolve()).rejects.toMatchObject({ code: "conflict.busy" });
  await app.query("rollback");
  app.release();
  expect(await readProfiles()).toEqual(before);
  expect(await resolve()).toBe("user_a");
});

test("a conflict may be dismissed while the app edits the profile", async () => {
  const app = await pool.connect();
  await app.query("begin");
  await app.query("set local idle_in_transaction_session_timeout = 0");
  await app.query(edit, [conflict.freshId]);
  expect(await dismiss()).toBe("user_a");
  await app.query("commit");
  app.release();
});

test("a conflict whose user the app deletes is neither listed nor counted nor decided, and is settled once all conflicts are evaluated", async () => {
  const page = { state: "open", beforeId: undefined, limit: 5 };
  const readState = async () => (await pool.query("select state, closed_at from rollcall.conflicts")).rows;
  await evaluateConflicts(pool, "test");
  expect(await readState()).toEqual([{ state: "open", closed_at: null }]);
  expect(await countOpenConflicts(pool)).toBe(1);
  await pool.query("delete from users");
  expect(await listConflicts(pool, page)).toEqual([]);
  expect(await countOpenConflicts(pool)).toBe(0);
  for (const decide of [resolve, dismiss])
    await expect(decide()).rejects.toMatchObject({ code: "conflict.closed" });
  await evaluateConflicts(pool, "test");
  expect(await readState()).toEqual([{ state: "settled", closed_at: expect.any(Date) }]);
});

describe("an app that refers to profiles in other ways", () => {
  beforeAll(() =>
    pool.query(`
      alter table mentorados add column tenant int not null default 77, add column slug text default gen_random_uuid()::text,
        add column m text, add column own text, add unique (tenant, id), add unique (slug);
      create table app_tenant_notes (
        tenant int, mentorado_id int, foreign key (tenant, mentorado_id) references mentorados (tenant, id) on delete cascade);
      create table app_pages ("the slug" text references mentorados (slug) on delete cascade)`),
  );

  test("keeps a profile that its rows name by several columns, or by another column than the key", async () => {
    await pool.query("insert into app_tenant_notes values (77, $1)", [conflict.freshId]);
    await expect(resolve()).rejects.toMatchObject({ code: "conflict.profile_touched" });
    await pool.query("delete from app_tenant_notes");
    await pool.query("insert into app_pages select slug from mentorados where id = $1", [conflict.freshId]);
    await expect(resolve()).rejects.toMatchObject({ code: "conflict.profile_touched" });
  });

  test("keeps a used profile whose columns have names of our statements", async () => {
    await pool.query("update mentorados set meta_leads = 1 where id = $1", [conflict.freshId]);
    await expect(resolve()).rejects.toMatchObject({ code: "conflict.profile_touched" });
  });
});
