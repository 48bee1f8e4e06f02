import { expect, test } from "vitest";
import { describeOnOneBackend } from "../../harness/backends.ts";
import type { MappedApp } from "./mapped-app.ts";
import type { Stage } from "./stage.ts";
import { tellStory } from "./story.ts";

/**
 * Row-level security that also binds the owner, identity keys beyond JavaScript's numbers beside profiles with small
 * ones, and a generated column.
 */
const app: MappedApp = {
  mapping: {
    users: {
      table: "AppUsers",
      key: { column: "userId", type: "bigint" },
      state: "added",
      columns: {
        ...{ clerkId: "clerkId", email: "emailAddress", tier: "planName", banned: "isBanned" },
        createdAt: "createdAt",
      },
    },
    profile: {
      name: "member",
      table: "AppProfiles",
      link: "ownerId",
      key: { column: "profileId", type: "integer" },
      columns: { displayName: { from: "name", default: "A member" }, emailAddress: { from: "email" } },
    },
  },
  tables: `
create table "AppUsers" (
  "userId" bigint generated always as identity (start with 9007199254740993) primary key,
  "clerkId" varchar(64) not null unique, "emailAddress" text, "planName" text not null default 'FREE',
  "emailDomain" text generated always as (split_part("emailAddress", '@', 2)) stored,
  "isBanned" boolean, "createdAt" timestamptz not null default now()
);
create table "AppProfiles" (
  "profileId" integer generated always as identity primary key,
  "ownerId" bigint unique references "AppUsers" ("userId") on delete set null,
  "displayName" text not null, "emailAddress" text
);
create table "AppPosts" ("postId" serial primary key, "authorId" bigint not null references "AppUsers" ("userId"));
create table "AppPictures" ("pictureId" serial primary key, "ofProfile" integer not null references "AppProfiles" ("profileId"));
alter table "AppUsers" enable row level security, force row level security;
alter table "AppProfiles" enable row level security, force row level security;
create policy own on "AppUsers" using ("clerkId" = current_setting('app.user', true));
create policy own on "AppProfiles" using (
  "ownerId" = (select "userId" from "AppUsers" where "clerkId" = current_setting('app.user', true))
);
`,
  policies: `
create policy rollcall on "AppUsers" to rollcall_migrator, rollcall_api, rollcall_worker using (true);
create policy rollcall on "AppProfiles" to rollcall_migrator, rollcall_api, rollcall_worker using (true);
`,
  added: {
    'public."AppUsers"': [
      ...["email_verified", "role", "role_source", "clerk_created_at", "clerk_updated_at", "read_ticket"],
      ...["deleted_at", "updated_at"],
    ],
    'public."AppProfiles"': ["linked_at"],
  },
  users: {
    rows: `select "clerkId", "userId"::text as id, "emailAddress" as email, email_verified as "emailVerified",
      "planName" as tier, role, "isBanned" as banned, deleted_at is not null as "isDeleted" from "AppUsers"`,
    insert: `insert into "AppUsers" ("clerkId", "emailAddress", "planName") values ($1, $2, 'GOLD')`,
    refer: `insert into "AppPosts" ("authorId") select "userId" from "AppUsers" where "clerkId" = $1`,
    tiers: { old: "GOLD", fresh: "FREE" },
    key: String,
  },
  profile: {
    name: "member",
    rows: `select u."clerkId", p."profileId"::text as id, p."displayName" as name, p."emailAddress" as email
      from "AppProfiles" p left join "AppUsers" u on u."userId" = p."ownerId"`,
    insert: `insert into "AppProfiles" ("ownerId", "displayName", "emailAddress")
      values ((select "userId" from "AppUsers" where "clerkId" = $1), $2, $3) returning "profileId"::text as id`,
    refer: `insert into "AppPictures" ("ofProfile") values ($1::text::integer)`,
    remove: `delete from "AppProfiles" where "profileId" = $1::text::integer`,
    key: Number,
    typed: Number,
    malformed: ["5", 0],
    nameKey: "displayName",
    example: {
      metadata: {},
      columns: { displayName: "Ada Lovelace", emailAddress: "ada@example.com" },
    },
  },
  schema: {
    format: "--sql",
    line: 'alter table public."AppUsers" add column email_verified boolean default false not null;',
  },
};

function tellMore(stage: Stage): void {
  test("the generated column follows what Rollcall writes", async () => {
    const { id } = await stage.system.clerk.users.create({ email: "gabi@first.example" });
    await stage.untilUser(id);
    await stage.system.clerk.users.update(id, { email: "gabi@second.example" });
    await stage.untilUser(id, ({ email }) => email === "gabi@second.example");
    const { rows } = await stage.system.db.query(
      'select "emailDomain" from "AppUsers" where "clerkId" = $1',
      [id],
    );
    expect(rows).toEqual([{ emailDomain: "second.example" }]);
  });
}

describeOnOneBackend((backend) => tellStory(backend, app, tellMore));
