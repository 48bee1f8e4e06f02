import { defaultMapping } from "@rollcall/contracts";
import { createDatabase } from "@rollcall/local-services";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { migrateDown, migrateUp, restoreTables } from "../migrate/migrate.ts";
import { mappedApps, separate } from "../migrate/testing.ts";
import { createPool, type Pool } from "../pool.ts";
import { getSession, makeSnapshot, writeUsers } from "../testing.ts";
import { findSchemaProblems } from "./find-schema-problems.ts";
import { printSchema } from "./print-schema.ts";
import { type DrizzleApp, makeDrizzleApp } from "./testing/drizzle-app.ts";

let databaseUrl: string;
let pool: Pool;
let push: DrizzleApp["push"];

beforeEach(async () => {
  databaseUrl = await createDatabase(inject("postgresUrl"));
  push = makeDrizzleApp(databaseUrl).push;
  pool = createPool({ databaseUrl, applicationName: "test", onIdleError: () => undefined });
});
afterEach(() => pool.end());

const listColumns = async () => {
  const result = await pool.query<{ name: string }>(
    "select table_name || '.' || column_name as name from information_schema.columns where table_schema = 'public'",
  );
  return result.rows.map(({ name }) => name);
};

/** An app whose own schema has fourteen of our columns, and two of its own. */
const ownSchema = `
import { integer, pgTable, serial, text, timestamp, varchar } from "drizzle-orm/pg-core";
export const users = pgTable("users", {
  id: serial("id").primaryKey(),
  clerkId: varchar("clerk_id", { length: 64 }).notNull().unique(),
  name: text("name"),
  email: varchar("email", { length: 320 }),
  loginMethod: varchar("login_method", { length: 64 }),
  imageUrl: text("image_url"),
  createdAt: timestamp("created_at").defaultNow().notNull(),
  updatedAt: timestamp("updated_at").defaultNow().notNull(),
});
export const mentorados = pgTable("mentorados", {
  id: serial("id").primaryKey(),
  userId: integer("user_id").references(() => users.id),
  nomeCompleto: varchar("nome_completo", { length: 255 }).notNull(),
  email: varchar("email", { length: 320 }),
  fotoUrl: varchar("foto_url", { length: 500 }),
  metaLeads: integer("meta_leads").default(50).notNull(),
  onboarding: text("onboarding"),
  createdAt: timestamp("created_at").defaultNow().notNull(),
});
`;

test("an app pushes its own schema again: all that it drops is named, restored, and filled by the next writes", async () => {
  await push(ownSchema);
  await migrateUp(pool);
  await writeUsers(pool, [makeSnapshot({ banned: true, imageUrl: "https://x.example/a.png" })]);
  const before = await listColumns();

  await push(ownSchema);
  const after = await listColumns();
  const dropped = before.filter((name) => !after.includes(name));
  expect(dropped).toHaveLength(17);
  const problems = await findSchemaProblems(pool);
  expect(problems.map(({ object }) => object).toSorted()).toEqual(
    [
      ...dropped.map((name) => `public.${name}`),
      "public.users_claimant_email",
      "public.users_clerk_created_at",
      "public.mentorados_near_email",
      "mentorados_user_id_unique",
      "mentorados_user_id_users_id_fk",
    ].toSorted(),
  );
  expect(problems.every(({ restore }) => restore)).toBe(true);
  const refused = await writeUsers(pool, [makeSnapshot()]).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "schema.changed" });

  const { restored, left } = await restoreTables(pool);
  expect({ count: restored.length, left }).toEqual({ count: problems.length, left: [] });
  expect((await listColumns()).toSorted()).toEqual(before.toSorted());
  expect(await restoreTables(pool)).toEqual({ restored: [], left: [] });
  expect((await getSession(pool)).user).toMatchObject({ imageUrl: "https://x.example/a.png", banned: false });
  await writeUsers(pool, [makeSnapshot({ banned: true })]);
  expect((await getSession(pool)).user).toMatchObject({ banned: true, emailVerified: true });
});

test("the printed drizzle schema changes nothing after the migration, and makes tables that need none", async () => {
  const mapping = { ...defaultMapping, organizations: {} };
  const whole = createPool({ databaseUrl, mapping, applicationName: "test", onIdleError: () => undefined });
  try {
    await migrateUp(whole);
    expect(await push(printSchema("drizzle", mapping))).toContain("No changes detected");
    expect(await findSchemaProblems(whole)).toEqual([]);
    await whole.query(
      "drop table public.organization_memberships, public.organizations, public.mentorados, public.users",
    );
    expect(await push(printSchema("drizzle", mapping))).toContain("Changes applied");
    expect(await findSchemaProblems(whole)).toEqual([]);
  } finally {
    await whole.end();
  }
});

test("the printed SQL makes tables that need no change", async () => {
  await pool.query(printSchema("sql"));
  expect(await findSchemaProblems(pool)).toEqual([]);
  await migrateUp(pool);
  expect(await push(printSchema("drizzle"))).toContain("No changes detected");
});

const { uuidKeys } = mappedApps;

test("the printed SQL and Prisma fields of a mapping are the columns that migrate adds", async () => {
  const mapping = { ...uuidKeys.mapping, profile: null };
  const mapped = createPool({ databaseUrl, mapping, applicationName: "test", onIdleError: () => undefined });
  try {
    await mapped.query(uuidKeys.sql);
    const names =
      "select attname as name from pg_attribute where attrelid = 'app.members'::regclass and attnum > 0";
    const before = (await mapped.query(names)).rows.map(({ name }) => name);
    await migrateUp(mapped);
    const after = (await mapped.query(names)).rows.map(({ name }) => name);
    const added = after.filter((name) => !before.includes(name));
    const read = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, name]) => name);
    expect(read(printSchema("sql", mapping), /^alter table app\.members add column (\w+) /gm)).toEqual(added);
    const prisma = printSchema("prisma", mapping);
    expect(read(prisma, /^ {2}(\w+) /gm)).toHaveLength(added.length);
    for (const name of added) expect(prisma).toMatch(new RegExp(`^ {2}${name} |@map\\("${name}"\\)$`, "m"));
  } finally {
    await mapped.end();
  }
});

test("with separate state nothing is printed for the app's schema but advice: indexes that serve, and that outlive a revert", async () => {
  const { mapping, sql } = separate(mappedApps.uuidKeys);
  const [drizzle, prisma, lines] = [
    printSchema("drizzle", mapping).trim().split("\n"),
    printSchema("prisma", mapping).trim().split("\n"),
    printSchema("sql", mapping).trim().split("\n"),
  ];
  for (const line of [...drizzle, ...prisma]) expect(line).toMatch(/^\/\/ /);
  for (const line of lines) expect(line).toMatch(/^-- /);
  const indexes = lines.filter((line) => line.startsWith("--   create index")).map((line) => line.slice(3));
  expect(indexes).toHaveLength(3);
  const app = createPool({ databaseUrl, mapping, applicationName: "test", onIdleError: () => undefined });
  try {
    await app.query(sql);
    await app.query(indexes.join("\n"));
    await migrateUp(app);
    expect(await findSchemaProblems(app)).toEqual([]);
    const { users: u, profile } = app.tables;
    const explain = async (statement: string) => {
      const { rows } = await app
        .query(`set enable_seqscan = off; explain ${statement}`)
        .then((results) => (Array.isArray(results) ? results[1] : results));
      return JSON.stringify(rows);
    };
    expect(
      await explain(`select from ${profile?.rows} m where rollcall.near_email(m.email::text) = 'a'`),
    ).toContain("profiles_near_email");
    expect(await explain(`select from ${u.rows} u where rollcall.fold_email(u.email::text) = 'a'`)).toContain(
      "members_claimant_email",
    );
    while ((await migrateDown(app)) !== undefined);
  } finally {
    await app.end();
  }
});
