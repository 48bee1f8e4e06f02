import type { Mapping } from "@rollcall/contracts";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as db from "./index.ts";
import type { Pool } from "./pool.ts";
import { createMappedPool, makeSnapshot } from "./testing.ts";
import { applySnapshots } from "./users.ts";

/** Some fields are the app's, and some are Rollcall's own. */
const map = (state: "added" | "separate"): Mapping => ({
  users: {
    table: "app.people",
    key: { column: "id", type: "integer" },
    state,
    columns: { clerkId: "clerk_id", email: "email", banned: "is_banned", deletedAt: "gone_at" },
  },
  profile: {
    name: "profile",
    table: "app.profiles",
    link: "person",
    key: { column: "id", type: "integer" },
    columns: { title: { from: "email", default: "New" }, contact: { from: "email" } },
  },
});

const tables = `
create schema app;
create table app.people (
  id serial primary key, clerk_id text unique, email text, is_banned boolean not null default false, gone_at timestamptz);
create table app.profiles (
  id serial primary key, person int unique references app.people (id) on delete set null, title text, contact text);
`;

let pools: [added: Pool, separate: Pool];
beforeAll(async () => {
  pools = [await createMappedPool(map("added"), tables), await createMappedPool(map("separate"), tables)];
});
afterAll(() => Promise.all((pools ?? []).map((pool) => pool.end())));

const users = ["user_a", "user_b", "user_c"];
const emails = ["one@example.com", "two@example.com", "ONE@example.com"];

const id = fc.constantFrom(...users);
const email = fc.constantFrom(...emails);
const ids = fc.subarray(users, { minLength: 1 });

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      ids,
      email: fc.option(email),
      emailVerified: fc.boolean(),
      isAdmin: fc.boolean(),
      banned: fc.boolean(),
      clerkUpdatedAtMs: fc.integer({ min: 1, max: 4 }),
      unread: fc.subarray(["email", "email_verified", "banned", "role"] as const),
      create: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), ids }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("tier" as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("evaluate" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("prune" as const) }) },
  // What the app itself does.
  { weight: 1, arbitrary: fc.record({ do: fc.constant("insertRow" as const), id, email }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("deleteRow" as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("markDeleted" as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("insertProfile" as const), email }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("takeProfile" as const), id }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("deleteProfile" as const), id }) },
);

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

async function run(pool: Pool, one: Step, readTicket: number): Promise<unknown> {
  const of = "select id from app.people where clerk_id = $1";
  switch (one.do) {
    case "write":
      return db.inTransaction(pool, async (client) => {
        const { ids: clerkIds, create, do: _, ...fields } = one;
        await applySnapshots(
          client,
          clerkIds.map((clerkId) => makeSnapshot({ ...fields, clerkId, readTicket, name: null })),
        );
        const given = await db.giveProfiles(
          client,
          clerkIds.map((clerkId) => ({
            ...{ clerkId, metadata: [], secondaryEmails: [], cause: "webhook", ref: null },
          })),
          { nomeCompleto: "", turma: "", create },
        );
        return given.map(({ clerkId, outcome }) => `${clerkId} ${outcome}`).toSorted();
      });
    case "delete": {
      const why = { by: "signature", cause: "webhook", ref: null } as const;
      const deleted = await db.inTransaction(pool, (client) =>
        db.tombstoneUsers(
          client,
          one.ids.map((clerkId) => ({ clerkId, ...why })),
        ),
      );
      return [...deleted].toSorted();
    }
    case "tier":
      return db
        .inTransaction(pool, (client) =>
          db.changeTier(client, { clerkId: one.id, tier: `T${readTicket}`, by: "ops" }),
        )
        .catch((error: { code: string }) => error.code);
    case "evaluate":
      return db.inTransaction(pool, (client) => db.evaluateConflicts(client, "sync"));
    case "prune":
      return db.pruneUnknownTombstones(pool);
    case "insertRow":
      // A row that comes back before its state is pruned has its state again, which lost columns do not.
      await db.pruneUnknownTombstones(pool);
      return pool
        .query("insert into app.people (clerk_id, email) values ($1, $2) on conflict do nothing", [
          one.id,
          one.email,
        ])
        .then(() => undefined);
    case "deleteRow":
      return void (await pool.query("delete from app.people where clerk_id = $1", [one.id]));
    case "markDeleted":
      return void (await pool.query("update app.people set gone_at = now() where clerk_id = $1", [one.id]));
    case "insertProfile":
      return void (await pool.query("insert into app.profiles (title, contact) values ('Waiting', $1)", [
        one.email,
      ]));
    case "takeProfile":
      return void (await pool.query(`update app.profiles set person = null where person = (${of})`, [
        one.id,
      ]));
    case "deleteProfile":
      return void (await pool.query(`delete from app.profiles where person = (${of})`, [one.id]));
    default:
      return one satisfies never;
  }
}

/** Everything that operators and apps see, without keys and times, in which the two may differ. */
async function observe(pool: Pool) {
  const sessions = await Promise.all(
    users.map(async (clerkId) => {
      const found = await db.findSession(pool, clerkId);
      if (!found) return null;
      const { id: _, createdAt: _c, updatedAt: _u, deletedAt, ...user } = found.user;
      const { mentorado } = found;
      return {
        ...user,
        isDeleted: deletedAt !== null,
        isErased: db.isErased(found),
        profile: mentorado && "columns" in mentorado ? mentorado.columns : null,
        wasLinked: mentorado ? mentorado.linkedAt !== null : null,
      };
    }),
  );
  const logins = await db.findLoginRows(pool, users);
  expect(logins.toSorted((a, b) => users.indexOf(a.clerkId) - users.indexOf(b.clerkId))).toEqual(
    sessions.flatMap((session) =>
      session === null
        ? []
        : {
            clerkId: session.clerkId,
            isDeleted: session.isDeleted,
            isBanned: session.banned,
            isAdmin: session.role === "admin",
            hasProfile: session.profile !== null,
          },
    ),
  );
  const snapshots = users.map((clerkId) => makeSnapshot({ clerkId, clerkUpdatedAtMs: 9, readTicket: 999 }));
  const page = { state: "open", beforeId: undefined, limit: 20 };
  const events = await pool.query("select clerk_id, kind from rollcall.events order by clerk_id, kind");
  const profiles = await pool.query(
    `select m.title, m.contact, p.clerk_id as of, m.linked_at is not null as was_linked
     from ${pool.tables.profile?.rows} m left join app.people p on p.id = m.person order by 1, 2, 3, 4`,
  );
  return {
    sessions,
    profiles: profiles.rows,
    counts: [
      await db.countUsersWhenDue(pool),
      await db.countUsersByState(pool),
      await db.countUnerased(pool),
    ],
    without: await db.countWithoutProfile(pool),
    drift: [...(await db.findDrift(pool, snapshots, true))].toSorted(),
    conflicts: (await db.listConflicts(pool, page))
      .map(({ clerkId, reason, candidateIds }) => `${clerkId} ${reason} ${candidateIds.length}`)
      .toSorted(),
    listed: (await db.listUsers(pool, { filter: {}, cursor: undefined, limit: 50 })).items
      .map(({ clerkId, tier, role, banned }) => [clerkId, tier, role, banned])
      .toSorted(),
    events: events.rows.map(({ clerk_id, kind }) => `${clerk_id} ${kind}`),
  };
}

test("whatever happens to the users, separate state shows the same as added columns", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
      for (const pool of pools)
        await pool.query(`truncate app.people, app.profiles, rollcall.events, rollcall.conflicts,
          rollcall.former_profiles, rollcall.claimed_profiles, rollcall.held_deletions
          ${pool.tables.users.isSeparate ? ", rollcall.user_states, rollcall.profile_links" : ""} cascade`);
      for (const [index, one] of steps.entries()) {
        const [added, separate] = [await run(pools[0], one, index + 1), await run(pools[1], one, index + 1)];
        expect(separate).toEqual(added);
        expect(await observe(pools[1])).toEqual(await observe(pools[0]));
      }
    }),
    { numRuns: 12 },
  );
}, 120_000);
