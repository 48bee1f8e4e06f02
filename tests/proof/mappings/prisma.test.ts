import { describeOnOneBackend } from "../../harness/backends.ts";
import type { MappedApp } from "./mapped-app.ts";
import { tellStory } from "./story.ts";

/** What `prisma migrate` makes of four models. Prisma's client makes the keys, and fills `updatedAt`. */
const app: MappedApp = {
  mapping: {
    users: {
      table: "User",
      key: { column: "id", type: "text" },
      state: "added",
      columns: {
        ...{ clerkId: "clerkId", email: "email", name: "name", tier: "plan" },
        ...{ createdAt: "createdAt", updatedAt: "updatedAt" },
      },
    },
    profile: {
      name: "profile",
      table: "Profile",
      link: "userId",
      key: { column: "id", type: "text" },
      updatedAt: "updatedAt",
      columns: {
        displayName: { from: "name", default: "New User" },
        email: { from: "email" },
        avatar: { from: "imageUrl" },
      },
    },
  },
  tables: `
create type "Plan" as enum ('FREE', 'PRO', 'GOLD');
create table "User" (
  "id" text not null, "clerkId" text not null, "email" text, "name" text, "plan" "Plan" not null default 'FREE',
  "createdAt" timestamp(3) not null default current_timestamp, "updatedAt" timestamp(3) not null,
  constraint "User_pkey" primary key ("id")
);
create table "Profile" (
  "id" text not null, "userId" text, "displayName" text not null, "email" text, "avatar" text,
  "createdAt" timestamp(3) not null default current_timestamp, "updatedAt" timestamp(3) not null,
  constraint "Profile_pkey" primary key ("id")
);
create table "Post" ("id" serial not null, "authorId" text not null, constraint "Post_pkey" primary key ("id"));
create table "Badge" ("id" serial not null, "profileId" text not null, constraint "Badge_pkey" primary key ("id"));
create unique index "User_clerkId_key" on "User" ("clerkId");
create unique index "Profile_userId_key" on "Profile" ("userId");
alter table "Profile" add constraint "Profile_userId_fkey"
  foreign key ("userId") references "User" ("id") on delete set null on update cascade;
alter table "Post" add constraint "Post_authorId_fkey"
  foreign key ("authorId") references "User" ("id") on delete restrict on update cascade;
alter table "Badge" add constraint "Badge_profileId_fkey"
  foreign key ("profileId") references "Profile" ("id") on delete restrict on update cascade;
`,
  added: {
    'public."User"': [
      ...["email_verified", "role", "role_source", "banned", "clerk_created_at", "clerk_updated_at"],
      ...["read_ticket", "deleted_at"],
    ],
    'public."Profile"': ["linked_at"],
  },
  users: {
    rows: `select "clerkId", "id", "email", email_verified as "emailVerified", "plan"::text as tier, role, banned,
      deleted_at is not null as "isDeleted" from "User"`,
    insert: `insert into "User" ("id", "clerkId", "email", "plan", "updatedAt")
      values ('c' || left(md5($1), 24), $1, $2, 'GOLD', now())`,
    refer: `insert into "Post" ("authorId") select "id" from "User" where "clerkId" = $1`,
    tiers: { old: "GOLD", fresh: "FREE" },
    key: String,
  },
  profile: {
    name: "profile",
    rows: `select u."clerkId", p."id", p."displayName" as name, p."email"
      from "Profile" p left join "User" u on u."id" = p."userId"`,
    insert: `insert into "Profile" ("id", "userId", "displayName", "email", "updatedAt")
      values ('c' || left(md5(random()::text), 24), (select "id" from "User" where "clerkId" = $1), $2, $3, now()) returning "id"`,
    refer: `insert into "Badge" ("profileId") values ($1)`,
    remove: `delete from "Profile" where "id" = $1`,
    key: String,
    typed: String,
    malformed: ["", null],
    nameKey: "displayName",
    example: {
      metadata: {},
      columns: {
        displayName: "Ada Lovelace",
        email: "ada@example.com",
        avatar: "https://img.example.com/ada",
      },
    },
  },
  schema: {
    format: "--prisma",
    line: `  emailVerified Boolean @default(false) @map("email_verified")`,
  },
};

describeOnOneBackend((backend) => tellStory(backend, app));
