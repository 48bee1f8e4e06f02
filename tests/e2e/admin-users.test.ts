import {
  alertView,
  conflictView,
  deadLetterView,
  listOf,
  runView,
  systemStatus,
  userEntry,
  userReport,
} from "@rollcall/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callAdmin, listAll } from "../harness/admin.ts";
import { describeOnOneBackend } from "../harness/backends.ts";
import { ensure, readRows, untilProfile } from "../harness/calls.ts";
import { runProcess, untilOutput } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

type Entry = { clerkId: string; email: string; mentoradoId: number | null; deletedAt: string | null };
describeOnOneBackend((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend, environment: { LOG_LEVEL: "trace" } });
  });
  afterAll(() => system?.stop());

  const admin = (path: string, options?: Parameters<typeof callAdmin>[2]) =>
    callAdmin(system, `/api/admin${path}`, options);

  const list = (query: string) => listAll<Entry>(system, `/api/admin/users?${query}`);
  const search = (query: string, rest = "") => list(`query=${encodeURIComponent(query)}${rest}`);

  async function readTimeline(clerkId: string): Promise<Record<string, unknown>[]> {
    const { body } = await admin(`/users/${clerkId}`);
    return (body as { timeline: Record<string, unknown>[] }).timeline;
  }

  async function rollcall(...args: string[]) {
    const command = runProcess("apps/cli/dist/main.js", system.environment, args);
    return { code: await command.exited, output: command.output() };
  }

  describe("finding users", () => {
    test("by Clerk id, by a part of the email and by a part of the name, in upper or lower case", async () => {
      const person = await system.clerk.users.create({
        firstName: "Quintina",
        lastName: "Zacharias",
        email: "q.zach@example.com",
      });
      const { mentorados } = await untilProfile(system, person.id);
      for (const query of [person.id, "Q.ZACH@exa", "ntina zach", person.id.slice(6, 20)]) {
        expect(await search(query)).toMatchObject([
          { clerkId: person.id, mentoradoId: mentorados[0]?.["id"] },
        ]);
      }
      expect(await search("100%_unmatched")).toEqual([]);
    });

    test("newest first, page by page, each exactly once", async () => {
      const names = ["a", "b", "c", "d", "e"];
      for (const name of names) {
        const person = await system.clerk.users.create({ email: `${name}@pages.example.com` });
        await untilProfile(system, person.id);
      }
      const found = await search("@pages.example", "&limit=2");
      expect(found.map(({ email }) => email)).toEqual(
        names.toReversed().map((name) => `${name}@pages.example.com`),
      );
    });

    test("by columns that combine, with the columns of the profile in each row", async () => {
      const person = await system.clerk.users.create({ publicMetadata: { turma: "rara" } });
      await untilProfile(system, person.id);
      const { body: columns } = await admin("/columns");
      expect(columns).toMatchObject({
        users: expect.arrayContaining([expect.objectContaining({ key: "tier", filterable: true })]),
        profile: {
          name: "mentorado",
          columns: expect.arrayContaining([
            {
              key: "turma",
              kind: "text",
              values: expect.arrayContaining(["rara"]),
              filterable: true,
              personal: false,
            },
          ]),
        },
      });
      expect(await list("turma=rara&tier=FREE&state=live")).toMatchObject([
        { clerkId: person.id, profile: { turma: "rara" } },
      ]);
      expect(await list("turma=rara&tier=PRO")).toEqual([]);
    });

    test("no log holds the text of a search", async () => {
      await search("vasco.secret@example.com");
      await admin("/users?query=vasco.secret%00&limit=5");
      await admin("/users?query=vasco.secret&limit=none");
      await untilOutput(system.api, "request_answered");
      expect(system.api.output()).not.toContain("vasco");
    });

    test.each([
      ["an empty query", "query=", "query"],
      ["a NUL", "query=a%00b", "NUL"],
      ["a limit that is too high", "limit=201", "limit"],
      ["an invented cursor", "cursor=abc", "nextCursor"],
      ["the cursor of another list", "cursor=s1.2", "cursor"],
      ["an unknown filter", "trier=FREE", "trier"],
      ["a state that is none", "state=dead", "state"],
      ["a filter twice", "tier=FREE&tier=PRO", "tier"],
      ["a flag that is false", "withoutProfile=false", "withoutProfile"],
      ["a time that is none", "signedUpTo=2026-13-01", "signedUpTo"],
    ])("%s is answered with a sentence that names the mistake", async (_input, query, word) => {
      const { status, body } = await admin(`/users?${query}`);
      expect(status).toBe(400);
      expect(JSON.stringify(body)).toContain(word);
    });
  });

  describe("syncing users", () => {
    test("a user without a webhook is provisioned, and the timeline names the caller", async () => {
      const person = await system.clerk.users.create({}, { silent: true });
      expect(await admin(`/users/${person.id}/sync`, { method: "POST" })).toMatchObject({
        status: 202,
        body: { queued: 1, deleted: [] },
      });
      await untilProfile(system, person.id);
      expect(await readTimeline(person.id)).toContainEqual(
        expect.objectContaining({ kind: "sync_requested", cause: "admin", ref: "admin" }),
      );
    });

    test("several users are queued at once, each only once, and deleted users are named and left alone", async () => {
      const people = [
        await system.clerk.users.create({}, { silent: true }),
        await system.clerk.users.create({}, { silent: true }),
      ];
      const gone = await makeTombstone(system);
      const clerkIds = [...people.map(({ id }) => id), ...people.map(({ id }) => id), gone];
      expect(await admin("/users/sync", { method: "POST", body: { clerkIds } })).toMatchObject({
        status: 202,
        body: { queued: 2, deleted: [gone] },
      });
      for (const { id } of people) await untilProfile(system, id);
      expect(await admin(`/users/${gone}/sync`, { method: "POST" })).toMatchObject({
        status: 410,
        body: { error: { code: "user.deleted" } },
      });
    });

    test.each([
      ["an empty list", { clerkIds: [] }],
      ["an id that is no user's", { clerkIds: ["org_1"] }],
      [
        "a list of more than 500 ids",
        { clerkIds: Array.from({ length: 501 }, (_, index) => `user_${index}`) },
      ],
      ["no body", undefined],
      ["an unknown field", { clerkIds: ["user_1"], all: true }],
    ])("%s is refused", async (_input, body) => {
      const answer = await admin("/users/sync", { method: "POST", body });
      expect(answer).toMatchObject({ status: 400, body: { error: { code: "request.malformed" } } });
    });
  });

  describe("changing a tier", () => {
    const patch = (clerkId: string, body: unknown) => admin(`/users/${clerkId}`, { method: "PATCH", body });

    test("the next login has the new tier, and the timeline has one event with the caller and the old tier", async () => {
      const person = await system.clerk.users.create();
      await untilProfile(system, person.id);
      await ensure(system, person.id);
      await ensure(system, person.id);
      for (const _ of [1, 2]) {
        expect(await patch(person.id, { tier: "PRO_2" })).toMatchObject({
          status: 200,
          body: { clerkId: person.id, tier: "PRO_2" },
        });
      }
      expect((await ensure(system, person.id)).body).toMatchObject({ user: { tier: "PRO_2" } });
      const changes = (await readTimeline(person.id)).filter(({ kind }) => kind === "tier_changed");
      expect(changes).toMatchObject([{ ref: "admin", details: { from: "FREE", to: "PRO_2" } }]);
    });

    test("a later change at Clerk keeps the tier", async () => {
      const person = await system.clerk.users.create();
      await untilProfile(system, person.id);
      await patch(person.id, { tier: "PRO" });
      await system.clerk.users.update(person.id, { firstName: "Later" });
      const row = await waitFor("the new name", async () => {
        const [found] = (await readRows(system, person.id)).users;
        return String(found?.["name"]).startsWith("Later") ? found : undefined;
      });
      expect(row["tier"]).toBe("PRO");
    });

    test.each([
      [{ tier: "pro" }],
      [{ tier: "" }],
      [{ tier: "A".repeat(33) }],
      [{ tier: "PRO", role: "admin" }],
      [{}],
    ])("%j is refused", async (body) => {
      const answer = await patch("user_any", body);
      expect(answer).toMatchObject({ status: 400, body: { error: { code: "request.malformed" } } });
    });

    test("a tier that a constraint of the app refuses is answered with a sentence, and nothing changes", async () => {
      const person = await system.clerk.users.create();
      await untilProfile(system, person.id);
      await system.db.query("alter table users add constraint known_tier check (tier <> 'ROGUE')");
      const answer = await patch(person.id, { tier: "ROGUE" });
      expect(answer).toMatchObject({ status: 400, body: { error: { code: "request.malformed" } } });
      expect(JSON.stringify(answer.body)).toContain("users.tier");
      expect((await readRows(system, person.id)).users).toMatchObject([{ tier: "FREE" }]);
    });

    test("an unknown user answers 404, and a deleted user answers 410", async () => {
      expect((await patch("user_unknown", { tier: "PRO" })).status).toBe(404);
      expect((await patch(await makeTombstone(system), { tier: "PRO" })).status).toBe(410);
    });
  });

  describe("status", () => {
    test("describes a healthy system and lists no problems", async () => {
      await system.db.query("delete from rollcall.conflicts");
      // On a slow machine a part may answer too late, and is down for that one answer.
      const readStatus = async () => (await admin("/status")).body;
      await expect.poll(readStatus).toMatchObject({
        problems: [],
        postgres: "up",
        queue: { backend, state: "up" },
        clerk: { state: "up", users: expect.any(Number) },
        missingMigrations: [],
        workers: 1,
        users: { withoutProfile: 0 },
        deadLetters: 0,
      });
      const { queues } = (await readStatus()) as { queues: { name: string }[] };
      expect(queues.map(({ name }) => name)).toEqual(["ensure", "sync", "reconcile"]);
    });

    test("names an outage of Clerk as a problem and still answers 200", async () => {
      const fault = await system.clerk.faults.add({ kind: "status", status: 500 });
      await expect
        .poll(() => admin("/status"))
        .toMatchObject({
          status: 200,
          body: { clerk: { state: "down" }, problems: ["Clerk does not answer: jobs wait for it."] },
        });
      await system.clerk.faults.remove(fault);
    });
  });

  test("every list and every view has the form that openapi.json promises", async () => {
    const person = await system.clerk.users.create();
    await untilProfile(system, person.id);
    for (const [path, schema] of [
      ["/users", listOf(userEntry)],
      [`/users/${person.id}`, userReport],
      ["/conflicts?state=resolved", listOf(conflictView)],
      ["/dead-letters", listOf(deadLetterView)],
      ["/runs", listOf(runView)],
      ["/alerts", listOf(alertView)],
      ["/status", systemStatus],
    ] as const) {
      const { status, body } = await admin(path);
      expect([path, status, schema.safeParse(body).error]).toEqual([path, 200, undefined]);
    }
  });

  test("every route of openapi.json answers 401 without a password", async () => {
    const { body } = await admin("/openapi.json");
    const { paths } = body as { paths: Record<string, Record<string, unknown>> };
    expect(Object.keys(paths).length).toBeGreaterThan(10);
    for (const [path, methods] of Object.entries(paths)) {
      for (const method of Object.keys(methods)) {
        const answer = await fetch(`${system.apiUrl}${path}`, { method: method.toUpperCase() });
        expect([method, path, answer.status]).toEqual([method, path, 401]);
      }
    }
  });

  describe("on the command line, without the api", () => {
    beforeAll(() => system.api.stop());
    afterAll(async () => {
      system.api = system.startApi();
      await system.untilReady();
    });

    test("users prints a table, --json one document", async () => {
      const person = await system.clerk.users.create(
        { firstName: "Red\u001b[31m", lastName: "Terminal", email: "red@example.com" },
        { silent: true },
      );
      expect(await rollcall("sync", person.id)).toMatchObject({ code: 0 });
      await untilProfile(system, person.id);
      const shown = await rollcall("users", "red@example");
      expect(shown).toMatchObject({ code: 0, output: expect.stringMatching(/Clerk id +email +name/) });
      expect(shown.output).not.toContain("\u001b");
      const { output } = await rollcall("users", "red@example", "--json");
      expect(JSON.parse(output)).toMatchObject({ items: [{ clerkId: person.id }], more: false });
      expect((await rollcall("users", "matches no user")).output).toContain("No user matches");
      expect((await rollcall("explain", person.id)).output).toContain("sync_requested by admin cli:");
    });

    test("sync says which ids are deleted, and exits with 1", async () => {
      const gone = "user_deletedLongAgo";
      await system.db.query("insert into users (clerk_id, deleted_at) values ($1, now())", [gone]);
      const { code, output } = await rollcall("sync", gone, "--json");
      expect(code).toBe(1);
      expect(JSON.parse(output)).toEqual({ queued: 0, deleted: [gone] });
    });

    test("status names the problems, and --json prints the api's answer", async () => {
      const { code, output } = await rollcall("status");
      expect(code).toBe(0);
      expect(output).toMatch(/Postgres +up/);
      expect(JSON.parse((await rollcall("status", "--json")).output)).toMatchObject({ workers: 1 });
    });

    test("conflicts lists conflicts and resolves them", async () => {
      const email = "both@example.com";
      const waiting = await system.db.query(
        "insert into mentorados (nome_completo, email) values ('one', $1), ('two', $1) returning id",
        [email],
      );
      const people = [await system.clerk.users.create({ email }, { silent: true })];
      await rollcall("sync", people[0]?.id ?? "");
      await untilProfile(system, people[0]?.id ?? "");
      const { items } = JSON.parse((await rollcall("conflicts", "--json")).output);
      expect(items).toMatchObject([{ clerkId: people[0]?.id, reason: "several_candidates" }]);
      expect((await rollcall("conflicts")).output).toContain("several_candidates");
      const [id, chosen] = [String(items[0].id), String(waiting.rows[0].id)];
      expect(await rollcall("conflicts", "resolve", id, "--mentorado", "999999")).toMatchObject({
        code: 1,
        output: expect.stringContaining("not one of the conflict's candidates"),
      });
      expect((await rollcall("conflicts", "resolve", id, "--mentorado", chosen)).code).toBe(0);
      expect((await readRows(system, people[0]?.id ?? "")).mentorados).toMatchObject([
        { nome_completo: "one" },
      ]);
      const again = await rollcall("conflicts", "resolve", id, "--dismiss");
      expect(again).toMatchObject({ code: 1, output: expect.stringContaining("closed already") });
    });

    test.each([
      [["users", "a", "b"], "Too many arguments"],
      [["users", ""], "must be a Clerk id"],
      [["sync"], "Missing required argument 'clerkIds'"],
      [["sync", "team_1"], "user_"],
      [["status", "now"], "Too many arguments"],
      [["conflicts", "resolve"], "Missing required argument 'id'"],
      [["conflicts", "resolve", "1"], "needs either"],
      [["conflicts", "resolve", "1", "--mentorado", "2", "--dismiss"], "cannot be used with"],
      [["conflicts", "resolve", "x", "--dismiss"], "number"],
      [["conflicts", "resolve", "1", "--mentorado", "x"], "number"],
      [["conflicts", "list"], "Too many arguments"],
      [["conflicts", "--dismiss"], "Unknown option '--dismiss'"],
    ])("%j ends with 2 and a sentence", async (args, word) => {
      const { code, output } = await rollcall(...args);
      expect(code).toBe(2);
      expect(output).toContain(word);
      expect(output).toContain("Usage: rollcall");
    });
  });
});

async function makeTombstone(system: System): Promise<string> {
  const person = await system.clerk.users.create({}, { silent: true });
  await system.clerk.users.delete(person.id);
  await waitFor("the tombstone", async () =>
    (await readRows(system, person.id)).users[0]?.["deleted_at"] ? true : undefined,
  );
  return person.id;
}
