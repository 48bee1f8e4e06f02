import type { Mapping } from "@rollcall/contracts";
import { createDatabase } from "@rollcall/local-services";
import { expect, inject, onTestFinished, test } from "vitest";
import { migrateUp } from "../migrate/migrate.ts";
import { mappedApps } from "../migrate/testing.ts";
import { createPool, type Pool } from "../pool.ts";
import { makeSnapshot, writeUsers } from "../testing.ts";
import { findSchemaProblems } from "./find-schema-problems.ts";
import { printSchema } from "./print-schema.ts";
import { makeDrizzleApp } from "./testing/drizzle-app.ts";

type App = {
  mapping: Mapping;
  schemas: readonly string[];
  tables: readonly string[];
  rows: string;
  /** The app's schema file, before the migration and with what `rollcall schema --drizzle` prints. */
  before: string;
  after(printed: string): string;
};

const { clerkIdAsKey, uuidKeys } = mappedApps;

/** The Clerk id is the key, and there is no profile. */
const clerkIds: App = {
  mapping: clerkIdAsKey.mapping,
  schemas: ["public"],
  tables: ["public.users", "public.posts"],
  rows: `
insert into public.users (id, email, tier) values ('user_ana', 'ana@example.com', 'gold'), ('user_bia', 'bia@example.com', null);
insert into public.posts (author) values ('user_ana')`,
  before: writeClerkIds(`import { pgTable, serial, text } from "drizzle-orm/pg-core";`, {
    tier: `text("tier")`,
    columns: "",
    indexes: "",
  }),
  after: (printed) =>
    writeClerkIds(`import { pgTable, serial } from "drizzle-orm/pg-core";\n${printed}`, {
      tier: `text("tier").notNull().default("FREE")`,
      columns: "...usersColumns",
      indexes: "...usersIndexes(table)",
    }),
};

function writeClerkIds(head: string, own: { tier: string; columns: string; indexes: string }): string {
  return `${head}
export const users = pgTable(
  "users",
  { id: text("id").primaryKey(), email: text("email"), tier: ${own.tier}, ${own.columns} },
  (table) => [${own.indexes}],
);
export const posts = pgTable("posts", {
  id: serial("id").primaryKey(),
  author: text("author").notNull().references(() => users.id, { onDelete: "cascade" }),
});
`;
}

/** A schema of its own with uuid keys, enums and profiles. */
const members: App = {
  mapping: uuidKeys.mapping,
  schemas: ["app"],
  tables: ["app.members", "app.profiles", "app.notes"],
  rows: `
insert into app.members (id, clerk_id, email) values ('00000000-0000-4000-8000-000000000001', 'user_ana', 'ana@example.com');
insert into app.profiles (user_id, display_name, track)
values ('00000000-0000-4000-8000-000000000001', 'Ana', 'estrutura'), (null, 'Bia', 'neon');
insert into app.notes (member) values ('00000000-0000-4000-8000-000000000001')`,
  before: writeMembers(`import { pgSchema, serial, text, uuid } from "drizzle-orm/pg-core";`, [
    "",
    "",
    "",
    "",
  ]),
  after: (printed) =>
    writeMembers(`import { pgSchema, serial, uuid } from "drizzle-orm/pg-core";\n${printed}`, [
      "...usersColumns",
      "...usersIndexes(table)",
      "...profileColumns",
      "...profileIndexes()",
    ]),
};

function writeMembers(head: string, [ofUsers, onUsers, ofProfiles, onProfiles]: readonly string[]): string {
  return `${head}
export const app = pgSchema("app");
export const plan = app.enum("plan", ["starter", "pro"]);
export const track = app.enum("track", ["neon", "estrutura"]);
export const members = app.table(
  "members",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    clerkId: text("clerk_id").notNull().unique(),
    email: text("email"),
    fullName: text("full_name"),
    plan: plan("plan").notNull().default("starter"),
    ${ofUsers}
  },
  (table) => [${onUsers}],
);
export const profiles = app.table(
  "profiles",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    userId: uuid("user_id").unique().references(() => members.id, { onDelete: "set null" }),
    displayName: text("display_name").notNull(),
    email: text("email"),
    track: track("track").notNull(),
    ${ofProfiles}
  },
  () => [${onProfiles}],
);
export const notes = app.table("notes", {
  id: serial("id").primaryKey(),
  member: uuid("member").references(() => members.id, { onDelete: "restrict" }),
});
`;
}

/** Columns with their forms, constraints, indexes and rows. Only the rows' own columns of `tables` count. */
async function dump(pool: Pool, { tables }: App): Promise<unknown[]> {
  const dumps: unknown[] = [];
  for (const table of tables) {
    const objects = await pool.query(
      `select a.attname as name, concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)) as form
       from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
       where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped
       union all select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = $1::regclass
       union all select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index where indrelid = $1::regclass
       order by 1, 2`,
      [table],
    );
    dumps.push(objects.rows, (await pool.query(`select to_jsonb(t) as row from ${table} t order by 1`)).rows);
  }
  return dumps;
}

test.each<[string, App]>([
  ["whose key is the Clerk id", clerkIds],
  ["with uuid keys, enums and profiles in a schema of its own", members],
])("an app of Drizzle %s has nothing to push after the migration", async (_, app) => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const { mapping } = app;
  const pool = createPool({ databaseUrl, mapping, applicationName: "test", onIdleError: () => undefined });
  onTestFinished(() => pool.end());
  const { push, compile } = makeDrizzleApp(databaseUrl, app.schemas);

  expect(await push(app.before)).toContain("Changes applied");
  await pool.query(app.rows);
  await migrateUp(pool);
  await writeUsers(pool, [makeSnapshot()]);
  const migrated = await dump(pool, app);

  const after = app.after(printSchema("drizzle", mapping));
  expect(await compile(after)).toBe("");
  for (const _push of [1, 2]) {
    expect(await push(after)).toContain("No changes detected");
    expect(await dump(pool, app)).toEqual(migrated);
  }
  expect(await findSchemaProblems(pool)).toEqual([]);

  // A new database of the same app: its push makes the columns, and migrate finds them.
  await pool.query(`drop schema rollcall cascade; drop table ${app.tables.toReversed().join(", ")}`);
  expect(await push(after)).toContain("Changes applied");
  await migrateUp(pool);
  expect(await push(after)).toContain("No changes detected");
  expect(await findSchemaProblems(pool)).toEqual([]);
});
