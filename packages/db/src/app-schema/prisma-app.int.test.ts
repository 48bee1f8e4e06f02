import { defaultMapping, type Mapping } from "@rollcall/contracts";
import { createDatabase } from "@rollcall/local-services";
import { expect, inject, onTestFinished, test } from "vitest";
import { proposeMapping } from "../init/propose-mapping.ts";
import { readCatalog } from "../init/read-catalog.ts";
import { migrateUp } from "../migrate/migrate.ts";
import { createPool, type Pool } from "../pool.ts";
import { makeSnapshot, writeUsers } from "../testing.ts";
import { findSchemaProblems } from "./find-schema-problems.ts";
import { printSchema } from "./print-schema.ts";
import { openPrisma } from "./testing/prisma.ts";

/** A schema of Prisma with what Rollcall adds to its models. */
type App = {
  write(added: { users: string; profile: string }): string;
  users: string;
  profile: string;
  rows: string;
};

const nothing = { users: "", profile: "" };

/** Keys of cuid that Prisma's client makes, an enum, `@updatedAt`, and the name of a column. */
const cuids: App = {
  users: "public.User",
  profile: "public.Profile",
  write: ({ users, profile }) => `
enum Plan {
  FREE
  PRO
}
enum Role {
  USER  @map("user")
  ADMIN @map("admin")
}
model User {
  id        String   @id @default(cuid())
  clerkId   String   @unique
  email     String?
  name      String?
  plan      Plan     @default(FREE)
  role      Role     @default(USER)
  createdAt DateTime @default(now())
  updatedAt DateTime @updatedAt
  profile   Profile?
  posts     Post[]
${users}
}
model Profile {
  id          String   @id @default(cuid())
  userId      String?  @unique
  user        User?    @relation(fields: [userId], references: [id])
  displayName String   @map("display_name")
  email       String?
  bio         String?
  createdAt   DateTime @default(now())
  updatedAt   DateTime @updatedAt
${profile}
}
model Post {
  id       Int    @id @default(autoincrement())
  authorId String
  author   User   @relation(fields: [authorId], references: [id], onDelete: Cascade)
}`,
  rows: `
insert into public."User" (id, "clerkId", email, plan, "updatedAt")
values ('cjld2cjxh0000qzrmn831i7rn', 'user_ana', 'ana@example.com', 'PRO', now());
insert into public."Profile" (id, "userId", display_name, "updatedAt")
values ('cjld2cyuq0000t3rmniod1foy', 'cjld2cjxh0000qzrmn831i7rn', 'Ana', now());
insert into public."Post" ("authorId") values ('cjld2cjxh0000qzrmn831i7rn')`,
};

/** Keys of uuid that the database makes, other names in the database, and a foreign key that deletes. */
const uuids: App = {
  users: "public.app_users",
  profile: "public.profiles",
  write: ({ users, profile }) => `
model AppUser {
  id          String       @id @default(dbgenerated("gen_random_uuid()")) @db.Uuid
  clerkUserId String       @unique @map("clerk_user_id") @db.VarChar(64)
  email       String?      @db.VarChar(320)
  updated     DateTime     @updatedAt @map("updated_at") @db.Timestamptz(3)
  profile     UserProfile?
${users}
  @@map("app_users")
}
model UserProfile {
  id       String    @id @default(uuid()) @db.Uuid
  ownerId  String?   @unique @map("owner_id") @db.Uuid
  owner    AppUser?  @relation(fields: [ownerId], references: [id], onDelete: Cascade)
  fullName String?   @map("full_name")
  seenAt   DateTime? @map("seen_at")
${profile}
  @@map("profiles")
}`,
  rows: `
insert into public.app_users (clerk_user_id, updated_at) values ('user_ana', now());
insert into public.profiles (id, owner_id) select id, id from public.app_users`,
};

/** The part of what `rollcall schema --prisma` prints that belongs into a model. */
function readFields(printed: string, label: string): string {
  const [, after = ""] = printed.split(`// Fields of the model of ${label}:\n`);
  return after.split("\n\n")[0] ?? "";
}

function merge(app: App, printed: string): string {
  return app.write({ users: readFields(printed, app.users), profile: readFields(printed, app.profile) });
}

function open(databaseUrl: string, mapping: Mapping): Pool {
  const pool = createPool({ databaseUrl, mapping, applicationName: "test", onIdleError: () => undefined });
  onTestFinished(() => pool.end());
  return pool;
}

const empty = "-- This is an empty migration.\n";
const noDifference = { toSchema: empty, toDatabase: empty };

test.each<[string, App]>([
  ["with keys of cuid, enums and @updatedAt", cuids],
  ["with keys of uuid and other names in the database", uuids],
])("Prisma sees no difference in an app %s, once the printed fields are in its models", async (_, app) => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const prisma = openPrisma(databaseUrl);
  expect(await prisma.push(app.write(nothing))).toBeGreaterThan(0);
  const bare = open(databaseUrl, defaultMapping);
  await bare.query(app.rows);
  const { mapping, undecided } = proposeMapping(await readCatalog(bare));
  expect(undecided).toEqual([]);
  if (!mapping) throw new Error("init proposed no mapping");
  const pool = open(databaseUrl, mapping);
  await migrateUp(pool);
  await writeUsers(pool, [makeSnapshot()]);

  const merged = merge(app, printSchema("prisma", mapping));
  expect(await prisma.diff(merged)).toEqual(noDifference);
  expect(await prisma.push(merged)).toBe(0);
  expect(await findSchemaProblems(pool)).toEqual([]);
  // Without them, its next migration drops Rollcall's columns.
  const before = await prisma.diff(app.write(nothing));
  expect(before.toSchema).toContain('DROP COLUMN "read_ticket"');
  expect(before.toSchema).not.toMatch(/ALTER COLUMN|DROP INDEX|DROP CONSTRAINT/);

  // The other order: Prisma makes the columns in a migration of the app's own, and migrate finds them.
  const secondUrl = await createDatabase(inject("postgresUrl"));
  const second = openPrisma(secondUrl);
  await second.push(app.write(nothing));
  const later = open(secondUrl, mapping);
  await later.query(app.rows);
  expect(await second.push(merged)).toBeGreaterThan(0);
  await migrateUp(later);
  expect(await second.diff(merged)).toEqual(noDifference);
  expect(await findSchemaProblems(later)).toEqual([]);
  const { profile } = later.tables;
  const linked = await later.query(`select linked_at is not null as "isOld" from ${profile?.table}`);
  expect(linked.rows).toEqual([{ isOld: true }]);
});

test("with the preview feature partialIndexes, Prisma sees no difference once the printed indexes are in the models", async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const prisma = openPrisma(databaseUrl, ["partialIndexes"]);
  await migrateUp(open(databaseUrl, defaultMapping));
  const printed = printSchema("prisma");
  expect((await prisma.diff(printed)).toSchema).toBe('-- DropIndex\nDROP INDEX "users_clerk_created_at";\n');
  const [, index] = printed.match(/^\/\/ {3}public\.users: (@@index.*)$/m) ?? [];
  const model = printed.replace('  @@map("users")', `  @@map("users")\n  ${index}`);
  expect(await prisma.diff(model)).toEqual(noDifference);
});

test("Prisma sees no difference between the printed models and the tables that Rollcall makes", async () => {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const prisma = openPrisma(databaseUrl);
  const pool = open(databaseUrl, defaultMapping);
  await migrateUp(pool);
  expect(await prisma.diff(printSchema("prisma"))).toEqual(noDifference);
  expect(await prisma.push(printSchema("prisma"))).toBe(0);
  expect(await findSchemaProblems(pool)).toEqual([]);
});
