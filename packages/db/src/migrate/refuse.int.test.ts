import { createDatabase } from "@rollcall/local-services";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { createPool, type Pool } from "../pool.ts";
import { MigrationRefusal } from "./adoption/refuse-unfit.ts";
import { migrateUp } from "./migrate.ts";
import { dumpDatabase, liveApp } from "./testing.ts";

let pool: Pool;
let databaseUrl: string;

beforeEach(async () => {
  databaseUrl = await createDatabase(inject("postgresUrl"));
  pool = createPool({
    databaseUrl,
    applicationName: "test",
    searchPath: "public",
    onIdleError: () => undefined,
  });
  await pool.query(liveApp);
});
afterEach(() => pool.end());

/** The reasons for the refusal. It also checks that nothing changed and that no reason contains personal data. */
async function readRefusal(): Promise<readonly string[]> {
  const before = await dumpDatabase(pool);
  const error = await migrateUp(pool).then(
    () => new Error("The migration was not refused"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MigrationRefusal);
  expect(await dumpDatabase(pool)).toEqual(before);
  const { message, problems } = error as MigrationRefusal;
  expect(message).not.toMatch(/@|Ana|Bia|Carla/);
  for (const problem of problems) expect(message).toContain(problem);
  return problems;
}

const addMentorados = "insert into mentorados (user_id, nome_completo, updated_at)";

test.each([
  [
    "a user with several mentorados",
    `${addMentorados} values (1, 'x', now()), (2, 'y', now()), (2, 'z', now())`,
    [
      "public.mentorados.user_id must be unique, but rows share it:",
      "    user_id 1: mentorados 1, 3",
      "    user_id 2: mentorados 4, 5",
    ],
  ],
  [
    "a Clerk id in several users",
    `alter table users drop constraint app_clerk_id;
     insert into users (clerk_id, email, updated_at) values ('user_ana', 'z@example.com', now())`,
    ["public.users.clerk_id must be unique, but rows share it:", "    clerk_id user_ana: users 1, 3"],
  ],
  [
    "users without a Clerk id",
    `alter table users alter clerk_id drop not null; update users set clerk_id = null`,
    ["public.users.clerk_id must have a value, but is null in users 1, 2"],
  ],
  [
    "users, but no column for their Clerk id",
    "alter table users drop clerk_id",
    ["public.users has rows (2) but no column clerk_id: add it and fill it, or empty the table"],
  ],
  [
    "a name that is missing",
    "alter table mentorados alter nome_completo drop not null; update mentorados set nome_completo = null where id = 2",
    ["public.mentorados.nome_completo must have a value, but is null in mentorados 2"],
  ],
  [
    "a mentorado whose user is missing",
    `alter table mentorados drop constraint mentorados_user_id_fkey; ${addMentorados} values (77, 'x', now())`,
    [
      "public.mentorados.user_id must be the id of a user, but there is none:",
      "    user_id 77: mentorados 3",
    ],
  ],
  [
    "mentorados of users, but no table of users",
    "drop table users cascade",
    ["public.mentorados.user_id must be the id of a user, but there is none:", "    user_id 1: mentorados 1"],
  ],
  [
    "a unique email",
    "alter table users add constraint one_email unique (email)",
    [
      "public.users.email is unique (one_email), but people may share it: drop that (alter table public.users drop constraint one_email)",
    ],
  ],
  [
    "a unique lower(email)",
    "create unique index lower_email on users (lower(email))",
    [
      "public.users.email is unique (lower_email), but people may share it: drop that (drop index public.lower_email)",
    ],
  ],
  [
    "a unique email in part of the rows, or with another column",
    `create unique index e1 on users (email) where login_method is null;
     create unique index e2 on users (login_method, email)`,
    [
      "public.users.email is unique (e1), but people may share it: drop that (drop index public.e1)",
      "public.users.email is unique (e2), but people may share it: drop that (drop index public.e2)",
    ],
  ],
  [
    "a unique email of profiles",
    "create unique index profile_email on mentorados (email)",
    [
      "public.mentorados.email is unique (profile_email), but people may share it: drop that (drop index public.profile_email)",
    ],
  ],
  [
    "NOT NULL extras without a default",
    `alter table users add cpf text; update users set cpf = id; alter table users alter cpf set not null;
     create domain cep as text not null; alter table mentorados add cep cep default 'x';
     alter table mentorados alter cep drop default`,
    [
      "public.users.cpf is NOT NULL without a default, and Rollcall does not fill it: give it one, or drop the NOT NULL",
      "public.mentorados.cep is NOT NULL without a default, and Rollcall does not fill it: give it one, or drop the NOT NULL",
    ],
  ],
  [
    "keys that on conflict cannot use",
    `alter table users drop constraint app_clerk_id, add constraint late unique (clerk_id) deferrable;
     alter table mentorados add constraint nulls unique nulls not distinct (user_id)`,
    [
      "public.users.clerk_id is unique but deferrable (late): drop that, we add another (alter table public.users drop constraint late)",
      "public.mentorados.user_id is unique with nulls not distinct (nulls), but unlinked profiles have none: drop that (alter table public.mentorados drop constraint nulls)",
    ],
  ],
  [
    "a user_id that refers to another table",
    `create table accounts (id serial primary key); insert into accounts default values;
     alter table mentorados drop constraint mentorados_user_id_fkey,
       add constraint of_account foreign key (user_id) references accounts (id)`,
    [
      "public.mentorados.user_id refers to accounts (of_account), not to public.users.id: drop that (alter table public.mentorados drop constraint of_account)",
    ],
  ],
  [
    "columns that cannot be null, have no default, or cannot be written",
    `alter table users drop constraint users_pkey cascade, add primary key (email), alter id drop default;
     alter table mentorados add foto_url text generated always as (nome_completo || '.png') stored`,
    [
      "public.users.id has no default: alter table public.users alter column id add generated by default as identity",
      "public.users.email is in the primary key, but must be able to be null: make id the primary key",
      "public.mentorados.foto_url is a generated column, but Rollcall writes it",
      "public.users.email is unique (users_pkey), but people may share it: drop that (alter table public.users drop constraint users_pkey)",
    ],
  ],
  [
    "a view in a table's place",
    "alter table users rename to people; create view users as select * from people",
    ["public.users is not an ordinary table: rename it"],
  ],
  [
    "a check that our rows violate",
    "alter table users add constraint known_login check (login_method is not null) not valid",
    [
      `A test write with invented users failed and was rolled back: new row for relation "users" violates check constraint "known_login" (23514)`,
    ],
  ],
  [
    "a trigger that discards profiles",
    `create function nothing() returns trigger language plpgsql as 'begin return null; end';
     create trigger t before insert on mentorados for each row execute function nothing()`,
    [
      "A test write with invented users failed and was rolled back: A trigger of public.mentorados discards a new profile",
    ],
  ],
])("%s: refused, and nothing is changed", async (_, prepare, lines) => {
  await pool.query(prepare);
  expect((await readRefusal()).join("\n").split("\n")).toEqual(lines);
});

test("a long list names twenty and counts the rest", async () => {
  await pool.query(`
    insert into users (clerk_id, email, updated_at) select 'user_' || n, '', now() from generate_series(1, 30) n;
    ${addMentorados} select id, 'x', now() from users cross join generate_series(1, 25) where id > 2;
    alter table mentorados drop constraint mentorados_user_id_fkey;
    ${addMentorados} select n, 'x', now() from generate_series(1000, 1024) n`);
  const [shared = "", orphaned = ""] = await readRefusal();
  const lines = shared.split("\n");
  expect(lines).toHaveLength(22);
  expect(lines[1]).toMatch(/^ {4}user_id 3: mentorados 3, (\d+, ){18}\d+ and 5 more$/);
  expect(lines[21]).toBe("    and 10 more");
  expect(orphaned.split("\n")).toHaveLength(22);
  expect(orphaned).toContain("\n    user_id 1000: mentorados 753\n");
  expect(orphaned).toMatch(/\n {4}and 5 more$/);
});

test("all problems are listed at once", async () => {
  await pool.query(`
    alter table users add constraint one_email unique (email), add cpf text not null default 'x', add banned text;
    alter table users alter cpf drop default;
    ${addMentorados} values (1, 'x', now())`);
  expect(await readRefusal()).toEqual([
    expect.stringContaining("public.users.cpf is NOT NULL"),
    "public.users.banned is text, but must be boolean: change its type, or rename it",
    expect.stringContaining("public.users.email is unique"),
    expect.stringContaining("public.mentorados.user_id must be unique"),
  ]);
});

test("a role without the needed rights gets a list of them before any table is read", async () => {
  const role = `limited_${process.pid}_${Date.now()}`;
  await pool.query(`create role ${role}; drop table mentorados; revoke create on schema public from public`);
  const limited = createPool({
    databaseUrl: `${databaseUrl}?options=-c%20role%3D${role}`,
    applicationName: "test",
    onIdleError: () => undefined,
  });
  try {
    const error = await migrateUp(limited).catch((thrown: unknown) => thrown);
    expect((error as MigrationRefusal).problems).toEqual([
      "The role must be able to add schemas: grant create on database … to …",
      "The role must own public.users, or be a member of the role that does",
      "The role must be able to add public.mentorados: grant create on schema public to …",
    ]);
  } finally {
    await limited.end();
    await pool.query(`drop role ${role}`);
  }
});

test("hidden rows do not count as missing rows", async () => {
  const role = `blind_${process.pid}_${Date.now()}`;
  await pool.query(`
    create role ${role}; do $$ begin execute format('grant create on database %I to ${role}', current_database()); end $$;
    grant create on schema public to ${role};
    alter table users owner to ${role}; alter table mentorados owner to ${role};
    alter table users enable row level security, force row level security`);
  const blind = createPool({
    databaseUrl: `${databaseUrl}?options=-c%20role%3D${role}`,
    applicationName: "test",
    onIdleError: () => undefined,
  });
  try {
    await expect(migrateUp(blind)).rejects.toThrow("Row-level security hides rows of public.users");
  } finally {
    await blind.end();
    await pool.query(`drop owned by ${role} cascade; drop role ${role}`);
  }
});
