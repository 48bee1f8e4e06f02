import { readFile } from "node:fs/promises";
import { defaultMapping, type Mapping } from "@rollcall/contracts";
import { startTemporaryPostgres } from "@rollcall/local-services";
import { expect, test } from "vitest";
import { findMissingGrants } from "./checks.ts";
import { migrateUp } from "./migrate/migrate.ts";
import { mappedApps } from "./migrate/testing.ts";
import { createPool, type Pool } from "./pool.ts";
import { writeRoles } from "./roles.ts";
import { makeSnapshot, writeUsers } from "./testing.ts";

test("ops/roles.sql is the file of the default tables", async () => {
  const file = await readFile(new URL("../../../ops/roles.sql", import.meta.url), "utf8");
  expect(file).toBe(await writeRoles(defaultMapping));
});

test("a file for one table names no other table of the app", async () => {
  const sql = await writeRoles(mappedApps.clerkIdAsKey.mapping);
  expect(sql).toContain("('select, update (tier, updated_at)', 'public.users', 'rollcall_api')");
  expect(sql).not.toMatch(/\{\{|mentorados|public\.(?!users)/);
});

const { uuidKeys, camelCase } = mappedApps;

test.each([
  [
    "with uuid keys in a schema of its own",
    { ...uuidKeys, mapping: { ...uuidKeys.mapping, profile: null } },
    "",
  ],
  ["with profiles", uuidKeys, ""],
  [
    "whose defaults count, also behind a domain and from a sequence that no column owns",
    {
      ...uuidKeys,
      sql: `${uuidKeys.sql}
create schema counters; create sequence counters.numbers; create sequence counters.ranks;
create domain app.rank as bigint default nextval('counters.ranks');
alter table app.members add column number int not null default nextval('counters.numbers'), add column seat serial;
alter table app.profiles add column rank app.rank not null, add unique (id, rank);
create table app.awards (rank bigint, profile uuid, foreign key (rank, profile) references app.profiles (rank, id))`,
    },
    "",
  ],
  [
    "with row-level security",
    camelCase,
    `create policy worker on public."AppUsers" to rollcall_worker using (true)`,
  ],
])(
  "an app %s: the migrator migrates it, and the worker lacks no right",
  async (_, { mapping, sql }, policy) => {
    const postgres = await startTemporaryPostgres();
    const open = (role: string) => openAs(postgres.url, role, mapping);
    const [owner, migrator, worker, api] = [
      openAs(postgres.url, "postgres", mapping),
      open("migrator"),
      open("worker"),
      open("api"),
    ];
    try {
      const roles = await writeRoles(mapping);
      await owner.query(sql);
      await owner.query(roles);
      await migrateUp(migrator);
      for (const _again of [1, 2]) await owner.query(roles);
      if (policy !== "") {
        expect(await findMissingGrants(worker, { withQueues: false })).toEqual([
          `a policy that lets it see all rows of public."AppUsers", or BYPASSRLS`,
        ]);
        await owner.query(policy);
      }
      expect(await findMissingGrants(worker, { withQueues: false })).toEqual([]);
      const { users: u, profile } = worker.tables;
      expect(await writeUsers(worker, [makeSnapshot()])).toEqual({
        user_a: profile ? "created" : "not_made",
      });
      if (profile) {
        // What the resolution of a conflict does.
        await api.query(`update ${profile.table} set ${profile.link} = null, linked_at = now()`);
        await api.query("insert into rollcall.claimed_profiles values ('a')");
        await api.query(`delete from ${profile.table}`);
        await expect(api.query(`update ${profile.table} set email = null`)).rejects.toMatchObject({
          sqlState: "42501",
        });
      }
      await api.query(`update ${u.table} set ${u.tier} = ${u.tier}, ${u.updatedAt} = now()`);
      await expect(api.query(`delete from ${u.table}`)).rejects.toMatchObject({ sqlState: "42501" });
      await expect(worker.query(`delete from ${u.table}`)).rejects.toMatchObject({ sqlState: "42501" });
    } finally {
      for (const pool of [owner, migrator, worker, api]) await pool.end();
      await postgres.stop();
    }
  },
);

function openAs(databaseUrl: string, role: string, mapping: Mapping): Pool {
  const name = role === "postgres" ? role : `rollcall_${role}`;
  return createPool({
    databaseUrl: role === "postgres" ? databaseUrl : `${databaseUrl}?options=-c%20role%3D${name}`,
    mapping,
    applicationName: "test",
    onIdleError: () => undefined,
  });
}
