import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createDatabase } from "@rollcall/local-services";
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { migrateDown, migrateUp, restoreTables } from "../migrate/migrate.ts";
import { mappedApps, separate } from "../migrate/testing.ts";
import { createPool, type Pool } from "../pool.ts";
import { getSession, makeSnapshot, writeUsers } from "../testing.ts";
import { findSchemaProblems } from "./find-schema-problems.ts";
import { printSchema } from "./print-schema.ts";

const drizzleKit = join(dirname(createRequire(import.meta.url).resolve("drizzle-kit")), "bin.cjs");
/** Below this package, so that the printed schema finds drizzle-orm. */
const cache = fileURLToPath(new URL("../../node_modules/.cache/", import.meta.url));

let folder: string;
let databaseUrl: string;
let pool: Pool;

beforeAll(() => {
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, "schema-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  databaseUrl = await createDatabase(inject("postgresUrl"));
  pool = createPool({ databaseUrl, applicationName: "test", onIdleError: () => undefined });
});
afterEach(() => pool.end());

/** Runs the program that an app runs. */
function push(schema: string): Promise<string> {
  const file = join(folder, "schema.ts");
  writeFileSync(file, schema);
  const args = [
    "push",
    "--force",
    "--verbose",
    "--dialect=postgresql",
    `--schema=${file}`,
    `--url=${databaseUrl}`,
  ];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [drizzleKit, ...args], { cwd: folder }, (error, stdout, stderr) =>
      error ? reject(new Error(stdout + stderr)) : resolve(stdout + stderr),
    );
  });
}

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
  await migrateUp(pool);
  expect(await push(printSchema("drizzle"))).toContain("No changes detected");
  expect(await findSchemaProblems(pool)).toEqual([]);
  await pool.query("drop table public.mentorados, public.users");
  expect(await push(printSchema("drizzle"))).toContain("Changes applied");
  expect(await findSchemaProblems(pool)).toEqual([]);
});

test("the printed SQL makes tables that need no change", async () => {
  await pool.query(printSchema("sql"));
  expect(await findSchemaProblems(pool)).toEqual([]);
  await migrateUp(pool);
  expect(await push(printSchema("drizzle"))).toContain("No changes detected");
});

const { clerkIdAsKey, uuidKeys } = mappedApps;

test("an app of a mapping that adds the printed columns has nothing to push before and after the migration", async () => {
  const own = `
import { pgTable } from "drizzle-orm/pg-core";
${printSchema("drizzle", clerkIdAsKey.mapping)}
export const users = pgTable(
  "users",
  { id: text("id").primaryKey(), email: text("email"), tier: text("tier").notNull().default("FREE"), ...usersColumns },
  (table) => [...usersIndexes(table)],
);
`;
  const mapped = createPool({
    databaseUrl,
    mapping: clerkIdAsKey.mapping,
    applicationName: "test",
    onIdleError: () => undefined,
  });
  try {
    // An app that exists: migrate adds the columns, and the next push finds them in the app's schema.
    await mapped.query("create table public.users (id text primary key, email text, tier text)");
    await migrateUp(mapped);
    expect(await push(own)).toContain("No changes detected");
    // A new database of the same app: its push makes the columns, and migrate finds them.
    await mapped.query("drop table public.users; drop schema rollcall cascade");
    expect(await push(own)).toContain("Changes applied");
    await migrateUp(mapped);
    expect(await findSchemaProblems(mapped)).toEqual([]);
    expect(await push(own)).toContain("No changes detected");
  } finally {
    await mapped.end();
  }
});

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

const columns = `
select c.table_name || '.' || c.column_name as name, c.data_type as type, c.is_nullable = 'YES' as "isNullable",
       c.column_default as default, c.datetime_precision as precision,
       (select string_agg(k.constraint_type || ' ' || k.constraint_name, ', ' order by k.constraint_type)
        from information_schema.key_column_usage u
        join information_schema.table_constraints k using (constraint_schema, constraint_name)
        where u.table_schema = 'public' and u.table_name = c.table_name and u.column_name = c.column_name) as keys
from information_schema.columns c where c.table_schema = 'public'
order by c.table_name desc, c.ordinal_position
`;

const prismaTypes: Record<string, string> = {
  integer: "Int",
  bigint: "BigInt",
  text: "String",
  boolean: "Boolean",
  "timestamp with time zone": "DateTime",
};

/** The column's line as Prisma's own introspection of the live column reads. */
function toPrisma(row: {
  name: string;
  type: string;
  isNullable: boolean;
  default: string | null;
  precision: number | null;
  keys: string | null;
}) {
  const literal = row.default?.match(/^'(.*)'::text$/)?.[1];
  return {
    type: prismaTypes[row.type],
    isNullable: row.isNullable,
    default: row.default?.startsWith("nextval(")
      ? "autoincrement()"
      : literal === undefined
        ? (row.default ?? undefined)
        : JSON.stringify(literal),
    timestamptz: row.type === "timestamp with time zone" ? String(row.precision) : undefined,
    isId: row.keys?.includes("PRIMARY KEY") ?? false,
    unique: row.keys?.match(/UNIQUE (\w+)/)?.[1],
  };
}

/** Reads models by hand: no engine of Prisma is needed. */
function parsePrisma(text: string) {
  const fields = new Map<string, ReturnType<typeof toPrisma>>();
  const relations: string[] = [];
  const indexes: string[] = [];
  for (const [, body = ""] of text.matchAll(/^model \w+ \{\n(.*?)^\}/gms)) {
    const table = body.match(/@@map\("(\w+)"\)/)?.[1];
    for (const line of body.split("\n")) {
      if (line.includes("@@index") || line.includes("@@unique")) indexes.push(line);
      const [, property, type = "", optional, rest = ""] = line.match(/^ {2}(\w+) (\w+)(\??) ?(.*)$/) ?? [];
      if (property === undefined) continue;
      if (!Object.values(prismaTypes).includes(type)) {
        if (rest) relations.push(`${property} ${type}${optional} ${rest}`);
        continue;
      }
      fields.set(`${table}.${rest.match(/@map\("(\w+)"\)/)?.[1] ?? property}`, {
        type,
        isNullable: optional === "?",
        default: rest.match(/@default\(((?:[^()]|\(\))*)\)/)?.[1],
        timestamptz: rest.match(/@db\.Timestamptz\((\d)\)/)?.[1],
        isId: / ?@id\b/.test(rest),
        unique: rest.match(/@unique\(map: "(\w+)"\)/)?.[1],
      });
    }
  }
  return { fields, relations, indexes };
}

test("the printed Prisma models have every column, type, default, key and foreign key of the migration", async () => {
  await migrateUp(pool);
  const { fields, relations, indexes } = parsePrisma(printSchema("prisma"));
  const live = (await pool.query(columns)).rows;
  expect(live).toHaveLength(31);
  expect([...fields.keys()]).toEqual(live.map(({ name }) => name));
  expect(Object.fromEntries(fields)).toEqual(
    Object.fromEntries(live.map((row) => [row.name, toPrisma(row)])),
  );
  const key = await pool.query(
    "select conname, confdeltype, confupdtype from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace",
  );
  expect(key.rows).toEqual([
    { conname: "mentorados_user_id_users_id_fk", confdeltype: "n", confupdtype: "a" },
  ]);
  expect(relations).toEqual([
    `user User? @relation(fields: [userId], references: [id], onDelete: SetNull, onUpdate: NoAction, map: "mentorados_user_id_users_id_fk")`,
  ]);
  // Prisma leaves indexes alone that it cannot describe. All of ours are such.
  expect(indexes).toEqual([]);
  const plain = await pool.query(
    `select from pg_index where indrelid in ('public.users'::regclass, 'public.mentorados'::regclass)
     and not indisunique and indpred is null and indexprs is null`,
  );
  expect(plain.rows).toEqual([]);
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
