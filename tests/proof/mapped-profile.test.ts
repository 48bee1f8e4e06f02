import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { defaultMapping, type Mapping } from "@rollcall/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { ensure } from "../harness/calls.ts";
import { runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** The default users, with a profile's table of the app's own. */
const mapping: Mapping = {
  ...defaultMapping,
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
};

const tables = `
  create table users (id serial primary key, clerk_id text not null unique, email text, email_verified boolean, name text,
    image_url text, role text, tier text, banned boolean, deleted_at timestamptz, created_at timestamptz default now(),
    updated_at timestamptz default now());
  create schema app;
  create type app.plan_kind as enum ('free', 'pro');
  create table app.profiles (
    id uuid primary key default gen_random_uuid(), user_id integer unique references public.users (id) on delete set null,
    display_name text not null, contact text, plan_kind app.plan_kind not null default 'free'
  );
`;

type Profile = { id: string; user_id: number | null; display_name: string; contact: string | null };

describeOnBackends((backend) => {
  let system: System;
  let app: Server;
  const received: unknown[] = [];

  beforeAll(async () => {
    app = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      received.push(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(200).end();
    }).listen(0, "127.0.0.1");
    await once(app, "listening");
    const { port } = app.address() as AddressInfo;
    system = await startSystem({
      backend,
      app: { mapping, fill: async ({ db }) => void (await db.query(tables)) },
      environment: {
        MENTORADO_CREATED_URL: `http://127.0.0.1:${port}/hook`,
        MENTORADO_CREATED_SECRET: `whsec_${Buffer.from("a secret that only the app knows").toString("base64")}`,
      },
    });
  });
  afterAll(async () => {
    await system?.stop();
    app?.close();
  });

  async function untilProfile(clerkId: string): Promise<Profile> {
    return waitFor(`a profile for ${clerkId}`, async () => {
      const { rows } = await system.db.query<Profile>(
        "select p.* from app.profiles p join users u on u.id = p.user_id where u.clerk_id = $1",
        [clerkId],
      );
      return rows[0];
    });
  }

  async function makeUnclaimed(contact: string, count = 1): Promise<string[]> {
    const { rows } = await system.db.query<{ id: string }>(
      "insert into app.profiles (display_name, contact) select 'Waiting', $1 from generate_series(1, $2) returning id",
      [contact, count],
    );
    return rows.map(({ id }) => id).sort();
  }

  const untilLogged = (clerkId: string, event: string) =>
    waitFor(`${event} of ${clerkId}`, async () => {
      const lines = system.worker.output().split("\n");
      return (
        lines.some((line) => line.includes(`"${clerkId}"`) && line.includes(`"event":"${event}"`)) ||
        undefined
      );
    });

  async function runCli(...args: string[]): Promise<{ code: unknown; document: unknown }> {
    const command = runProcess("apps/cli/dist/main.js", system.environment, [...args, "--json"]);
    const code = await command.exited;
    return { code, document: JSON.parse(command.output()) };
  }

  test("a sign-up makes the profile, and its name is in answers, logs and notifications", async () => {
    const person = await system.clerk.users.create({
      ...{ firstName: "Ada", lastName: "Lovelace", email: "ada@example.com" },
      publicMetadata: { plan: { kind: "pro" } },
    });
    const profile = await untilProfile(person.id);
    const expected = {
      ...{ id: profile.id, userId: profile.user_id, displayName: "Ada Lovelace", contact: "ada@example.com" },
      ...{ planKind: "pro", linkedAt: expect.any(String) },
    };
    // The second answer comes from the cache, if there is one.
    for (const _ of [1, 2]) {
      const { status, body } = await ensure(system, person.id);
      expect(status).toBe(200);
      expect(body).toEqual({
        ...{ success: true, created: false },
        user: expect.objectContaining({ id: profile.user_id, clerkId: person.id }),
        profile: expected,
      });
    }
    await untilLogged(person.id, "profile_created");
    const notification = await waitFor("the notification", async () =>
      received.find((body) => JSON.stringify(body).includes(person.id)),
    );
    expect(notification).toEqual({
      ...{ type: "profile.created", timestamp: expect.any(String) },
      data: { clerkId: person.id, userId: profile.user_id, profileId: profile.id },
    });
    expect((await callAdmin(system, `/api/admin/users/${person.id}`)).body).toMatchObject({
      mentorado: expected,
      explanation: { code: "in_place" },
    });
    expect(await runCli("explain", person.id)).toMatchObject({ code: 0, document: { mentorado: expected } });
  });

  test("an unclaimed profile of a verified email is linked", async () => {
    const [id] = await makeUnclaimed("linked@example.com");
    const person = await system.clerk.users.create({ email: "Linked@Example.com" });
    expect(await untilProfile(person.id)).toMatchObject({ id, display_name: "Waiting" });
    await untilLogged(person.id, "profile_linked");
  });

  test("an operator resolves a conflict by the profile's key", async () => {
    const candidateIds = await makeUnclaimed("twice@example.com", 2);
    const person = await system.clerk.users.create({ email: "twice@example.com" });
    const fresh = await untilProfile(person.id);
    const list = (await callAdmin(system, "/api/admin/conflicts")).body as { items: { id: number }[] };
    expect(list.items).toMatchObject([{ clerkId: person.id, candidateIds, profileId: fresh.id }]);
    const path = `/api/admin/conflicts/${list.items[0]?.id}`;
    const [chosen, other] = candidateIds;
    expect((await callAdmin(system, path)).body).toMatchObject({
      present: { id: fresh.id },
      candidates: [{ id: chosen, displayName: "Waiting" }, { id: other }],
      effects: [{ choice: { mentoradoId: chosen }, says: "links_and_deletes_profile" }, {}, {}],
    });
    const resolve = (mentoradoId: unknown) =>
      callAdmin(system, `${path}/resolve`, { method: "POST", body: { mentoradoId } });
    for (const malformed of [5, "no uuid"])
      expect((await resolve(malformed)).body).toMatchObject({ error: { code: "request.malformed" } });
    expect((await resolve(fresh.id)).body).toMatchObject({ error: { code: "conflict.not_a_candidate" } });
    expect((await resolve(chosen?.toUpperCase())).status).toBe(204);
    expect((await untilProfile(person.id)).id).toBe(chosen);
    const { body } = await ensure(system, person.id);
    expect(body).toMatchObject({ profile: { id: chosen } });
  });

  test("a deletion unlinks the profile, and a purge erases it and the named candidates", async () => {
    const [candidate] = await makeUnclaimed("other@example.com");
    const person = await system.clerk.users.create({ firstName: "Serinus", email: "serinus@example.com" });
    const { id } = await untilProfile(person.id);
    await system.db.query(
      `insert into rollcall.conflicts (user_id, reason, candidate_keys, state)
       select id, 'secondary_email', array[$2], 'dismissed' from users where clerk_id = $1`,
      [person.id, candidate],
    );
    await system.clerk.users.delete(person.id);
    const read = async () =>
      (await system.db.query<Profile>("select * from app.profiles where id = $1", [id])).rows[0];
    await waitFor("the unlinked profile", async () => ((await read())?.user_id === null ? true : undefined));
    expect(await read()).toMatchObject({ display_name: "Serinus" });
    expect((await ensure(system, person.id)).status).toBe(410);
    const preview = await callAdmin(system, `/api/admin/users/${person.id}/purge`, {
      method: "POST",
      body: { preview: true, also: [candidate] },
    });
    expect(preview.body).toMatchObject({
      goes: expect.arrayContaining([
        { what: "profile", of: [id], count: 1 },
        { what: "candidate", of: [candidate], count: 1 },
      ]),
    });
    expect(await runCli("purge", person.id, "--also", candidate ?? "")).toMatchObject({
      code: 0,
      document: { erased: [id, candidate] },
    });
    expect(await read()).toMatchObject({ display_name: "Removed", contact: null });
  });

  test("a full sync finds a missing profile, and a dry run says so before", async () => {
    const person = await system.clerk.users.create({ email: "lost@example.com" });
    const { id } = await untilProfile(person.id);
    // The worker's own first run waits for the lease, and would make the profile before the dry run.
    await system.worker.stop();
    await system.db.query("delete from app.profiles where id = $1", [id]);
    await system.db.query("delete from rollcall.leases where name = 'full'");
    const dry = await runCli("reconcile", "--dry-run");
    expect(dry).toMatchObject({ code: 0, document: { counts: { created: 1 } } });
    expect(await runCli("reconcile")).toMatchObject({ code: 0, document: { counts: { created: 1 } } });
    expect((await untilProfile(person.id)).id).not.toBe(id);
  });
});
