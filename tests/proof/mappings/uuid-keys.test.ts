import { expect, test } from "vitest";
import { describeOnOneBackend } from "../../harness/backends.ts";
import type { MappedApp } from "./mapped-app.ts";
import type { Stage } from "./stage.ts";
import { tellStory } from "./story.ts";

/** A schema of the app's own, uuid keys, an enum, and triggers that keep a time and a record of changes, under roles. */
const app: MappedApp = {
  mapping: {
    users: {
      table: "app.members",
      key: { column: "id", type: "uuid" },
      state: "added",
      columns: { clerkId: "clerk_id", email: "mail", name: "full_name", tier: "plan" },
    },
    profile: {
      name: "profile",
      table: "app.profiles",
      link: "user_id",
      key: { column: "id", type: "uuid" },
      columns: {
        display_name: { from: "name", default: "A member" },
        contact: { from: "email" },
        plan_kind: { from: "publicMetadata.plan.kind", allowed: ["free", "pro"], default: "free" },
      },
    },
  },
  tables: `
create schema app;
create type app.plan_kind as enum ('free', 'pro');
create table app.members (
  id uuid primary key default gen_random_uuid(), clerk_id text not null unique, mail text, full_name text,
  plan text not null default 'starter', changed_at timestamptz not null default now()
);
create table app.profiles (
  id uuid primary key default gen_random_uuid(), user_id uuid unique references app.members (id) on delete set null,
  display_name text not null, contact text, plan_kind app.plan_kind not null default 'free'
);
create table app.posts (id serial primary key, author uuid not null references app.members (id));
create table app.pictures (id serial primary key, profile uuid not null references app.profiles (id));
create table app.changes (id integer generated always as identity primary key, operation text not null, member uuid not null references app.members (id));
create function app.touch() returns trigger language plpgsql as 'begin new.changed_at := clock_timestamp(); return new; end'
  set search_path = app, pg_temp;
create function app.record() returns trigger language plpgsql as
  'begin insert into changes (operation, member) values (tg_op, new.id); return null; end' set search_path = app, pg_temp;
create trigger touch before update on app.members for each row execute function app.touch();
create trigger record after insert or update on app.members for each row execute function app.record();
`,
  // The trigger runs with the rights of the role that writes.
  policies: "grant insert on app.changes to rollcall_migrator, rollcall_api, rollcall_worker",
  added: {
    "app.members": [
      ...["email_verified", "role", "role_source", "banned", "clerk_created_at", "clerk_updated_at"],
      ...["read_ticket", "deleted_at", "created_at", "updated_at"],
    ],
    "app.profiles": ["linked_at"],
  },
  users: {
    rows: `select clerk_id as "clerkId", id::text, mail as email, email_verified as "emailVerified", plan as tier, role, banned,
      deleted_at is not null as "isDeleted" from app.members`,
    insert: "insert into app.members (clerk_id, mail, plan) values ($1, $2, 'pro')",
    refer: "insert into app.posts (author) select id from app.members where clerk_id = $1",
    tiers: { old: "pro", fresh: "starter" },
    key: String,
  },
  profile: {
    name: "profile",
    rows: `select u.clerk_id as "clerkId", p.id::text, p.display_name as name, p.contact as email
      from app.profiles p left join app.members u on u.id = p.user_id`,
    insert: `insert into app.profiles (user_id, display_name, contact)
      values ((select id from app.members where clerk_id = $1), $2, $3) returning id::text`,
    refer: "insert into app.pictures (profile) values ($1::text::uuid)",
    remove: "delete from app.profiles where id = $1::text::uuid",
    key: String,
    typed: (id) => id.toUpperCase(),
    malformed: [5, "no uuid"],
    nameKey: "displayName",
    example: {
      metadata: { plan: { kind: "pro" } },
      columns: { displayName: "Ada Lovelace", contact: "ada@example.com", planKind: "pro" },
    },
  },
  schema: {
    format: "--drizzle",
    line: `  emailVerified: boolean("email_verified").notNull().default(false),`,
  },
};

function tellMore(stage: Stage): void {
  test("the app's triggers run for each change of a row", async () => {
    const { clerk, db } = stage.system;
    const { id } = await clerk.users.create();
    await stage.untilUser(id);
    await clerk.users.ban(id);
    const { id: key } = await stage.untilUser(id, ({ banned }) => banned);
    const changes = await db.query("select operation from app.changes where member = $1 order by id", [key]);
    expect(changes.rows.slice(0, 2)).toEqual([{ operation: "INSERT" }, { operation: "UPDATE" }]);
    const touched = await db.query(
      "select changed_at > created_at as touched from app.members where id = $1",
      [key],
    );
    expect(touched.rows).toEqual([{ touched: true }]);
  });
}

describeOnOneBackend((backend) => tellStory(backend, app, tellMore));
