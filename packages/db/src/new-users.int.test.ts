import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { insertNewUsers, type NewUser } from "./new-users.ts";
import type { Pool } from "./pool.ts";
import { giveProfiles } from "./profiles.ts";
import {
  createTestPool,
  emptyTables,
  getSession,
  makeSnapshot,
  untilBlocked,
  writeUsers,
} from "./testing.ts";
import { inTransaction, inWriteTransaction } from "./transaction.ts";
import type { UserSnapshot } from "./user-columns.ts";
import { applySnapshots } from "./users.ts";

let pool: Pool;
/** The same tables, written by the two statements alone. */
let other: Pool;

beforeAll(async () => {
  [pool, other] = await Promise.all([createTestPool(), createTestPool()]);
});
beforeEach(() => Promise.all([emptyTables(pool), emptyTables(other)]));
afterAll(() => Promise.all([pool.end(), other.end()]));

const defaults = { nomeCompleto: "New User", turma: "neon", create: true };

function makeUser(fields: Partial<UserSnapshot> = {}, request: Partial<NewUser["request"]> = {}): NewUser {
  const snapshot = makeSnapshot(fields);
  const { clerkId, cause, ref } = snapshot;
  return { snapshot, request: { clerkId, metadata: [null], secondaryEmails: [], cause, ref, ...request } };
}

/** What a page of a full sync does. @returns the users that needed no second write */
async function write(users: readonly NewUser[], options = defaults): Promise<Record<string, string | null>> {
  const inserted = await inWriteTransaction(pool, (client) => insertNewUsers(client, users, options));
  const done = new Set(inserted.filter(({ outcome }) => outcome !== null).map(({ clerkId }) => clerkId));
  await writeByTwo(
    pool,
    users.filter(({ snapshot }) => !done.has(snapshot.clerkId)),
    options,
  );
  return Object.fromEntries(inserted.map(({ clerkId, outcome }) => [clerkId, outcome]));
}

const writeByTwo = (to: Pool, users: readonly NewUser[], options = defaults) =>
  inWriteTransaction(to, async (client) => {
    await applySnapshots(
      client,
      users.map(({ snapshot }) => snapshot),
    );
    await giveProfiles(
      client,
      users.map(({ request }) => request),
      options,
    );
  });

const state = `
select to_jsonb(u) - '{id,created_at,updated_at}'::text[] as "user",
  to_jsonb(m) - '{id,user_id,linked_at,created_at,updated_at}'::text[] as profile, m.linked_at > m.created_at as "wasUnclaimed",
  (select c.reason from rollcall.conflicts c where c.user_id = u.id) as conflict,
  (select jsonb_agg(jsonb_build_array(e.kind, e.cause, e.ref, e.notification_due_at is not null, e.details ->> 'mentoradoId' = m.id::text) order by e.id)
   from rollcall.events e where e.clerk_id = u.clerk_id) as events
from users u left join mentorados m on m.user_id = u.id order by u.clerk_id
`;

const invite = `
insert into mentorados (nome_completo, email, turma)
values ('Invited', 'invited@example.com', 'neon'), ('Near', 'JOSÉ@example.com', 'neon'), ('Second', 'second@example.com', 'neon')
`;

const mixed = (): NewUser[] => [
  makeUser({ clerkId: "user_plain", email: "plain@example.com" }),
  makeUser({ clerkId: "user_recent", email: "recent@example.com", clerkCreatedAtMs: Date.now() }),
  makeUser({ clerkId: "user_class", email: "class@example.com" }, { metadata: ["prata"] }),
  makeUser({ clerkId: "user_bare", email: null, emailVerified: false, name: null, clerkUpdatedAtMs: null }),
  makeUser({ clerkId: "user_admin", email: "admin@example.com", isAdmin: true }),
  makeUser({ clerkId: "user_banned", email: "banned@example.com", banned: true }),
  makeUser({ clerkId: "user_twin_a", email: "twin@example.com" }),
  makeUser({ clerkId: "user_twin_b", email: "twin@example.com" }),
  makeUser({ clerkId: "user_invited", email: "Invited@example.com" }),
  makeUser({ clerkId: "user_near", email: "jose\u0301@example.com" }),
  makeUser({ clerkId: "user_unread", email: "unread@example.com", unread: ["banned"] }),
  makeUser({ clerkId: "user_ignored", email: "ignored@example.com", ignoresRole: true }),
  makeUser(
    { clerkId: "user_second", email: "first@example.com" },
    { secondaryEmails: ["second@example.com"] },
  ),
];

test.each([true, false])(
  "new users get the same rows, profiles, conflicts and events as by the write (automatic creation: %s)",
  async (create) => {
    for (const db of [pool, other]) await db.query(invite);
    const options = { ...defaults, create };
    const users = mixed();
    const outcomes = await write(users, options);
    await writeByTwo(other, users, options);
    const [ours, theirs] = [(await pool.query(state)).rows, (await other.query(state)).rows];
    expect(ours).toHaveLength(13);
    expect(ours).toEqual(theirs);
    // Without these, everything could have been left to the write.
    const made = create ? "created" : "not_made";
    expect(outcomes).toEqual({
      ...{ user_plain: made, user_recent: made, user_class: made, user_bare: made },
      ...{ user_admin: "admin", user_banned: "banned", user_twin_a: made, user_twin_b: made },
      ...{ user_invited: null, user_near: null },
    });
  },
);

test("a known user, also a deleted one, is left alone and draws no number", async () => {
  await writeUsers(pool, [
    makeSnapshot({ clerkId: "user_a", name: "First" }),
    makeSnapshot({ clerkId: "user_b" }),
  ]);
  await pool.query("update users set deleted_at = now(), email = null where clerk_id = 'user_b'");
  const last = "select last_value::int as last from users_id_seq";
  const before = (await pool.query(last)).rows;
  const inserted = await inTransaction(pool, (client) =>
    insertNewUsers(
      client,
      ["user_a", "user_b"].map((clerkId) => makeUser({ clerkId, name: "Later", readTicket: 9 })),
      defaults,
    ),
  );
  expect(inserted).toEqual([]);
  expect((await getSession(pool)).user.name).toBe("First");
  expect((await pool.query(last)).rows).toEqual(before);
});

test("a user whose row is made at this moment is left alone", async () => {
  let inserted: Promise<unknown> | undefined;
  await inTransaction(pool, async (client) => {
    await applySnapshots(client, [makeSnapshot({ name: "By a webhook", readTicket: 5 })]);
    inserted = inTransaction(pool, (second) =>
      insertNewUsers(second, [makeUser({ name: "By a page" }), makeUser({ clerkId: "user_b" })], defaults),
    );
    await untilBlocked(pool);
  });
  expect(await inserted).toEqual([{ clerkId: "user_b", outcome: "created" }]);
  const { user, mentorado } = await getSession(pool);
  expect({ name: user.name, mentorado }).toEqual({ name: "By a webhook", mentorado: null });
});

test("a deletion that waits for confirmation ends when the user is new", async () => {
  await pool.query("insert into rollcall.held_deletions (clerk_id) values ('user_a')");
  await inTransaction(pool, (client) => insertNewUsers(client, [makeUser()], defaults));
  expect((await pool.query("select from rollcall.held_deletions")).rows).toEqual([]);
});

test.each([
  {
    does: "makes the profile",
    act: "insert into mentorados (user_id, nome_completo, turma) values (new.id, 'By the app', 'neon') on conflict do nothing",
  },
  { does: "makes the user an admin", act: "update users set role = 'admin' where id = new.id" },
])(
  "a trigger of the app that $does behind each new user finds what it would find by the write",
  async ({ act }) => {
    const trigger = `
    create function follow() returns trigger language plpgsql as $$ begin ${act}; return null; end $$;
    alter function follow() set search_path = public;
    create trigger follow after insert on users for each row execute function follow()`;
    for (const db of [pool, other]) await db.query(trigger);
    onTestFinished(async () => {
      for (const db of [pool, other]) await db.query("drop function follow cascade");
    });
    const users = mixed();
    await write(users);
    await writeByTwo(other, users);
    expect((await pool.query(state)).rows).toEqual((await other.query(state)).rows);
  },
);
