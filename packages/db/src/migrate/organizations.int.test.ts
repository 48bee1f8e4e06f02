import { defaultMapping, type Mapping } from "@rollcall/contracts";
import { createDatabase } from "@rollcall/local-services";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { findSchemaProblems } from "../app-schema/find-schema-problems.ts";
import { createPool, type Pool } from "../pool.ts";
import { findMissingMigrations, migrateDown, migrateUp, planMigration, restoreTables } from "./migrate.ts";
import { dumpDatabase, mappedApps, separate } from "./testing.ts";

let databaseUrl: string;
const pools: Pool[] = [];

function open(mapping: Mapping): Pool {
  // As migrate does, which may change the mapping.
  const pool = createPool({
    ...{ databaseUrl, mapping, checksMapping: false, applicationName: "test" },
    onIdleError: () => undefined,
  });
  pools.push(pool);
  return pool;
}

beforeEach(async () => {
  databaseUrl = await createDatabase(inject("postgresUrl"));
});
afterEach(() => Promise.all(pools.splice(0).map((pool) => pool.end())));

const on: Mapping = { ...defaultMapping, organizations: {} };

const teamTables = `
select format('%s.%s', schemaname, tablename) as name from pg_tables
where tablename ~ '(organization|membership)' order by 1
`;

const listTables = async (pool: Pool) => (await pool.query(teamTables)).rows.map(({ name }) => name);

const ownTables = [
  "rollcall.membership_states",
  "rollcall.organization_candidates",
  "rollcall.organization_catch_up",
  "rollcall.organization_states",
];
const allTables = ["public.organization_memberships", "public.organizations", ...ownTables];

test("off: there is no table of organizations, and no migration is missing", async () => {
  const pool = open(defaultMapping);
  expect(await migrateUp(pool)).not.toContain("0010_organizations");
  expect(await findMissingMigrations(pool)).toEqual([]);
  expect(await listTables(pool)).toEqual([]);
});

test("organizations can be turned on later, and down leaves the app's tables with their tombstones", async () => {
  await migrateUp(open(defaultMapping));
  const pool = open(on);
  expect(await findMissingMigrations(pool)).toEqual(["0010_organizations"]);
  const plan = await planMigration(pool);
  expect(plan.statements.join("\n")).toContain("create table public.organizations");
  expect(await migrateUp(pool)).toEqual(["0010_organizations"]);
  await restoreTables(pool);
  expect(await findSchemaProblems(pool)).toEqual([]);
  expect(await listTables(pool)).toEqual(allTables);
  const before = await dumpDatabase(pool);
  await pool.query(
    "insert into public.organizations (clerk_org_id, deleted_at) values ('org_a', now()), ('org_b', null)",
  );
  expect(await migrateDown(pool)).toBe("0010_organizations");
  expect(await listTables(pool)).toEqual(allTables.filter((name) => !ownTables.includes(name)));
  await migrateUp(pool);
  expect(await dumpDatabase(pool)).toEqual(before);
  const { rows } = await pool.query("select clerk_org_id from rollcall.organization_states");
  expect(rows).toEqual([{ clerk_org_id: "org_a" }]);
});

test("a table or a key of organizations that is lost is named, and migrate restores it", async () => {
  const pool = open(on);
  await migrateUp(pool);
  await pool.query(
    `alter table public.organizations drop column slug;
     drop index public.organization_memberships_user_id_organization_id_unique`,
  );
  const says = [
    "public.organizations.slug is missing",
    "public.organization_memberships has no unique key over user_id and organization_id (organization_memberships_user_id_organization_id_unique)",
  ];
  expect((await findSchemaProblems(pool)).map((problem) => problem.says)).toEqual(says);
  expect(await restoreTables(pool)).toMatchObject({ restored: says, left: [] });
  await pool.query(
    `insert into public.organizations (clerk_org_id) values ('org_a'), ('org_b');
     insert into rollcall.organization_states (clerk_org_id, deleted_at) values ('org_a', now());
     alter table public.organizations drop column deleted_at`,
  );
  await restoreTables(pool);
  const { rows } = await pool.query(
    "select clerk_org_id from public.organizations where deleted_at is not null",
  );
  expect(rows).toEqual([{ clerk_org_id: "org_a" }]);
  await pool.query("drop table public.organization_memberships");
  expect((await findSchemaProblems(pool)).map((problem) => problem.says)).toEqual([
    "public.organization_memberships is missing",
  ]);
  await restoreTables(pool);
  expect(await findSchemaProblems(pool)).toEqual([]);
});

/** Tables of an app with keys of another type, names of its own, rows, and no unique key over the pair. */
const teamsOfApp = `
create table app.teams (id uuid primary key, clerk_org varchar(64) not null, title text not null, plan text);
create table app.seats (team uuid not null references app.teams (id), member uuid not null, kind text, seat integer);
insert into app.teams values ('00000000-0000-4000-8000-000000000009', 'org_a', 'A', 'gold');
`;
const ofApp: NonNullable<Mapping["organizations"]> = {
  table: "app.teams",
  key: { column: "id", type: "uuid" },
  columns: { clerkOrgId: "clerk_org", name: "title" },
  memberships: { table: "app.seats", user: "member", organization: "team", columns: { role: "kind" } },
};

test.each([
  ["added", mappedApps.uuidKeys],
  ["separate", separate(mappedApps.uuidKeys)],
])("tables of an app are adopted without a new column (%s)", async (state, { mapping, sql }) => {
  const pool = open({ ...mapping, organizations: ofApp });
  await pool.query(`${sql}; ${teamsOfApp}`);
  if (state === "separate") {
    await expect(migrateUp(pool)).rejects.toThrow(
      /app.teams.clerk_org has no unique key.*app.seats has no unique key over member and team/s,
    );
    await pool.query(
      "alter table app.teams add unique (clerk_org); alter table app.seats add unique (team, member)",
    );
  }
  await migrateUp(pool);
  expect(await findSchemaProblems(pool)).toEqual([]);
  const { rows } = await pool.query(
    `select c.relname, count(a.*)::int as columns,
            (select count(*)::int from pg_index i where i.indrelid = c.oid and i.indisunique) as keys
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
     where c.oid in ('app.teams'::regclass, 'app.seats'::regclass) group by c.oid, c.relname order by 1`,
  );
  expect(rows).toEqual([
    { relname: "seats", columns: 4, keys: 1 },
    { relname: "teams", columns: 4, keys: 2 },
  ]);
  expect(await listTables(pool)).toEqual(ownTables);
});

test("beside an app's users, default tables refer to users by the type of their key", async () => {
  const { mapping, sql } = separate(mappedApps.uuidKeys);
  const pool = open({ ...mapping, organizations: {} });
  await pool.query(sql);
  await migrateUp(pool);
  expect(await findSchemaProblems(pool)).toEqual([]);
  const { rows } = await pool.query(
    "select data_type from information_schema.columns where table_name = 'organization_memberships' and column_name = 'user_id'",
  );
  expect(rows).toEqual([{ data_type: "uuid" }]);
});

test("tables that do not fit are refused with every reason, and nothing is changed", async () => {
  const { mapping, sql } = mappedApps.uuidKeys;
  const pool = open({ ...mapping, organizations: { ...ofApp, memberships: undefined } });
  await pool.query(`${sql}; ${teamsOfApp}`);
  await pool.query(
    `alter table app.teams alter title type integer using 0, add owner text not null default 'x';
     alter table app.teams alter owner drop default;
     insert into app.teams values ('00000000-0000-4000-8000-000000000008', 'org_a', 1, null, 'x')`,
  );
  const before = await dumpDatabase(pool);
  await expect(migrateUp(pool)).rejects.toThrow(
    /app.teams.title is integer, but must be text.*app.teams.owner is NOT NULL without a default.*clerk_org org_a: teams/s,
  );
  expect(await dumpDatabase(pool)).toEqual(before);
  await pool.query(
    "alter table app.teams drop column owner, alter title type text; delete from app.teams where title = '1'",
  );
  await pool.query("alter table app.teams add constraint known check (clerk_org = 'org_a')");
  await expect(migrateUp(pool)).rejects.toThrow(/test write with invented users failed.*"known"/);
  expect(await listTables(pool)).toEqual([]);
  const gone = open({ ...mapping, organizations: { ...ofApp, table: "app.gone" } });
  await expect(migrateUp(gone)).rejects.toThrow(
    "app.gone does not exist, but organizations.table names it: the app makes it",
  );
});
