import { expect, test } from "vitest";
import { callAdmin } from "../../harness/admin.ts";
import { describeOnBackends } from "../../harness/backends.ts";
import { ensure } from "../../harness/calls.ts";
import type { MappedApp } from "./mapped-app.ts";
import type { Stage } from "./stage.ts";
import { tellStory } from "./story.ts";

/** The Clerk id is the key, and there are no profiles: the most common tables of all. The tier is a domain. */
const app: MappedApp = {
  mapping: {
    users: {
      table: "users",
      key: { column: "id", type: "text" },
      state: "added",
      columns: { clerkId: "id", email: "email", tier: "tier" },
    },
    profile: null,
  },
  tables: `
create domain tier as text default 'free' check (value in ('free', 'gold', 'PRO'));
create table users (id text primary key, email text, tier tier not null);
create table posts (id serial primary key, author text not null references users (id), title text not null);
`,
  added: {
    "public.users": [
      ...["email_verified", "role", "role_source", "banned", "clerk_created_at", "clerk_updated_at"],
      ...["read_ticket", "deleted_at", "created_at", "updated_at"],
    ],
  },
  users: {
    rows: `select id as "clerkId", id, email, email_verified as "emailVerified", tier::text, role, banned,
      deleted_at is not null as "isDeleted" from users`,
    insert: "insert into users (id, email, tier) values ($1, $2, 'gold')",
    refer: "insert into posts (author, title) values ($1, 'Hello')",
    tiers: { old: "gold", fresh: "free" },
    key: String,
  },
  profile: null,
  schema: {
    format: "--sql",
    line: "alter table public.users add column email_verified boolean default false not null;",
  },
};

function tellMore(stage: Stage): void {
  test("answers have no key of a profile, and null for what the table lacks", async () => {
    const { id } = await stage.system.clerk.users.create({ firstName: "Dora" }, { silent: true });
    const { status, body } = await ensure(stage.system, id);
    expect(status).toBe(200);
    expect(Object.keys(body as object).sort()).toEqual(["created", "success", "user"]);
    expect(body).toMatchObject({ user: { id, clerkId: id, name: null, imageUrl: null } });
    expect(await stage.rollcallJson("explain", id)).toMatchObject({
      answer: { user: { name: null }, mentorado: null },
    });
    expect(await callAdmin(stage.system, "/api/admin/columns")).toMatchObject({
      status: 200,
      body: { profile: null },
    });
    expect((await callAdmin(stage.system, "/api/admin/users?withoutProfile=true")).status).toBe(400);
  });

  test("a tier that the domain refuses is refused, and stays", async () => {
    const [, , id = ""] = stage.veterans;
    const path = `/api/admin/users/${id}`;
    const refused = await callAdmin(stage.system, path, { method: "PATCH", body: { tier: "SILVER" } });
    expect(refused.body).toMatchObject({ error: { code: "request.malformed" } });
    expect(await stage.findUser(id)).toMatchObject({ tier: "gold" });
  });
}

describeOnBackends((backend) => tellStory(backend, app, tellMore));
