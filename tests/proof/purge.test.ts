import { startClerkSimulator } from "@rollcall/clerk-simulator";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { chooseBackend, describeOnBackends } from "../harness/backends.ts";
import { ensure, readDeadLetters, readRows, untilDeadLetter, untilProfile } from "../harness/calls.ts";
import { findInPostgres, findInRedis } from "../harness/find-words.ts";
import { runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** The data of a test user. It contains `word`, which none of our code contains. */
const canary = (word: string) => ({
  words: new RegExp(word, "i"),
  firstName: word,
  email: `${word}@example.com`,
  imageUrl: `https://img.example.com/${word}.png`,
});

const schemas = ["public", "rollcall", "bullmq"];

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend });
    // A user that stays proves that the answers come from our Clerk instance.
    await untilProfile(system, (await system.clerk.users.create()).id);
  });
  afterAll(() => system?.stop());

  async function purge(...args: string[]) {
    const command = runProcess("apps/cli/dist/main.js", system.environment, ["purge", ...args]);
    return { code: await command.exited, output: command.output() };
  }

  async function findAnywhere(words: RegExp): Promise<string[]> {
    const inRedis = system.redis ? await findInRedis(system.redis.url, words) : [];
    return [...inRedis, ...(await findInPostgres(system, words, schemas))];
  }

  async function signUp({ firstName, email, imageUrl }: ReturnType<typeof canary>) {
    const person = await system.clerk.users.create({ firstName, email, imageUrl });
    const { mentorados } = await untilProfile(system, person.id);
    return { clerkId: person.id, profileId: Number(mentorados[0]?.["id"]) };
  }

  async function untilTombstone(clerkId: string): Promise<void> {
    await waitFor("the tombstone", async () =>
      (await readRows(system, clerkId)).users[0]?.["deleted_at"] ? true : undefined,
    );
  }

  test("after a deletion and a purge, name, email and photo are nowhere; the Clerk id stays in the tombstone", async () => {
    const person = canary("serinus");
    const { clerkId, profileId } = await signUp(person);
    for (const _ of [1, 2]) await ensure(system, clerkId);
    await setAppSession(clerkId, "serinus");
    await makeDeadLetter(clerkId, person.email);
    await recordReason(clerkId, "serinus asked for it");
    expect(await findAnywhere(person.words)).not.toEqual([]);

    await system.clerk.users.delete(clerkId);
    await untilTombstone(clerkId);
    expect(await purge(clerkId)).toMatchObject({
      code: 0,
      output: expect.stringContaining(`gone from mentorado ${profileId}`),
    });
    expect(await findAnywhere(person.words)).toEqual([]);
    expect((await readRows(system, clerkId)).users).toMatchObject([{ clerk_id: clerkId, email: null }]);
    expect((await readDeadLetters(system)).filter((letter) => letter.includes(clerkId))).toEqual([]);
    const { body } = await callAdmin(system, `/api/admin/users/${clerkId}`);
    expect(body).toMatchObject({
      timeline: expect.arrayContaining([expect.objectContaining({ kind: "user_purged", cause: "admin" })]),
    });
    // The row stays, since the app's own rows hang on it.
    const kept = await system.db.query("select nome_completo, meta_leads from mentorados where id = $1", [
      profileId,
    ]);
    expect(kept.rows).toEqual([{ nome_completo: "Removed", meta_leads: 50 }]);
  });

  test("a live user that Clerk no longer has is deleted and purged at once", async () => {
    const person = canary("pyrrhula");
    const { clerkId } = await signUp(person);
    for (const _ of [1, 2]) await ensure(system, clerkId);
    await setAppSession(clerkId, "pyrrhula");
    await system.clerk.users.delete(clerkId, { silent: true });
    expect((await purge(clerkId)).code).toBe(0);
    expect(await findAnywhere(person.words)).toEqual([]);
    expect((await readRows(system, clerkId)).users[0]?.["deleted_at"]).toBeTruthy();
  });

  describe("the route", () => {
    const call = (clerkId: string, body: unknown = {}) =>
      callAdmin(system, `/api/admin/users/${clerkId}/purge`, { method: "POST", body });

    test("lists what goes and what stays, changes nothing in a preview, and then does the same", async () => {
      const person = canary("carduelis");
      const { clerkId, profileId } = await signUp(person);
      for (const _ of [1, 2]) await ensure(system, clerkId);
      await makeDeadLetter(clerkId, person.email);
      await recordReason(clerkId, "carduelis asked for it");
      await system.clerk.users.delete(clerkId, { silent: true });
      const before = await findAnywhere(person.words);
      const goes = [
        { what: "row", of: [], count: 1 },
        { what: "profile", of: [String(profileId)], count: 1 },
        { what: "reasons", of: [], count: 1 },
        { what: "dead_letters", of: [], count: 1 },
        { what: "session_cache", of: [], count: 1 },
      ];
      const stays = [
        { what: "clerk_id", of: [clerkId], count: 1 },
        { what: "operator_names", of: [], count: 1 },
      ];
      expect(await call(clerkId, { preview: true })).toMatchObject({
        status: 200,
        body: { clerkId, purged: false, goes, stays },
      });
      expect(await findAnywhere(person.words)).toEqual(before);
      expect(await call(clerkId)).toMatchObject({
        status: 200,
        body: { clerkId, purged: true, goes, stays },
      });
      expect(await findAnywhere(person.words)).toEqual([]);
      const events = await system.db.query(
        "select cause, ref from rollcall.events where kind = 'user_purged' and clerk_id = $1",
        [clerkId],
      );
      expect(events.rows).toEqual([{ cause: "admin", ref: "admin" }]);
    });

    test("refuses a user that Clerk has, in a preview too", async () => {
      const { clerkId } = await signUp(canary("chloris"));
      for (const preview of [true, false])
        expect(await call(clerkId, { preview })).toMatchObject({
          status: 409,
          body: { error: { code: "user.not_deleted" } },
        });
      expect(await call("user_unheardOf")).toMatchObject({
        status: 404,
        body: { error: { code: "user.unknown" } },
      });
    });

    test("while no worker runs, the request is recorded, and a repeated one gets the answer of the worker", async () => {
      const person = canary("loxia");
      const { clerkId } = await signUp(person);
      await system.clerk.users.delete(clerkId, { silent: true });
      await system.worker.stop("SIGKILL");
      expect(await call(clerkId)).toMatchObject({ status: 503, body: { error: { code: "purge.waiting" } } });
      expect(await call(clerkId, { keepProfile: true })).toMatchObject({
        status: 409,
        body: { error: { code: "admin.changed_meanwhile", message: expect.stringContaining("admin") } },
      });
      system.worker = system.startWorker();
      await system.untilReady();
      expect(await call(clerkId)).toMatchObject({ status: 200, body: { purged: true } });
      expect(await findAnywhere(person.words)).toEqual([]);
    });
  });

  // No queue is involved in these tests, so one backend is enough.
  if (backend === chooseBackend()) {
    test("--keep-profile keeps personal data in that profile and nowhere else", async () => {
      const person = canary("fringilla");
      const { clerkId, profileId } = await signUp(person);
      await ensure(system, clerkId);
      await system.clerk.users.delete(clerkId);
      await untilTombstone(clerkId);
      const { code, output } = await purge(clerkId, "--keep-profile", "--json");
      expect({ code, answer: JSON.parse(output) }).toMatchObject({
        code: 0,
        answer: { erased: [], kept: [profileId] },
      });
      expect(await findAnywhere(person.words)).toEqual([
        expect.stringMatching(new RegExp(`^public.mentorados: \\(${profileId},`)),
      ]);
      // A second purge without the option erases the profile too.
      expect((await purge(clerkId)).code).toBe(0);
      expect(await findAnywhere(person.words)).toEqual([]);
    });

    test("purging a user that Clerk has is refused, and nothing changes", async () => {
      const person = canary("carduelis");
      const { clerkId } = await signUp(person);
      const before = await findAnywhere(person.words);
      expect(await purge(clerkId)).toMatchObject({
        code: 1,
        output: expect.stringMatching(/not deleted.*Clerk has them/s),
      });
      expect(await findAnywhere(person.words)).toEqual(before);
    });

    test("a user that the app had marked as deleted is erased too, once Clerk no longer has them", async () => {
      const person = canary("coccothraustes");
      const { clerkId } = await signUp(person);
      await system.db.query("update users set deleted_at = '2020-02-02T00:00:00Z' where clerk_id = $1", [
        clerkId,
      ]);
      const before = await findAnywhere(person.words);
      expect(await purge(clerkId)).toMatchObject({
        code: 1,
        output: expect.stringMatching(/not deleted.*Clerk has them/s),
      });
      expect(await findAnywhere(person.words)).toEqual(before);
      await system.clerk.users.delete(clerkId, { silent: true });
      expect(await purge(clerkId)).toMatchObject({
        code: 0,
        output: expect.stringContaining("gone from mentorado"),
      });
      expect(await findAnywhere(person.words)).toEqual([]);
      const { users } = await readRows(system, clerkId);
      expect(users).toMatchObject([{ deleted_at: new Date("2020-02-02T00:00:00Z") }]);
    });

    test("a signed deletion erases the row of a user that the app had marked as deleted", async () => {
      const { clerkId } = await signUp(canary("chloris"));
      await system.db.query("update users set deleted_at = '2020-02-02T00:00:00Z' where clerk_id = $1", [
        clerkId,
      ]);
      await system.clerk.users.delete(clerkId);
      await waitFor("the erasure", async () =>
        (await readRows(system, clerkId)).users[0]?.["email"] === null ? true : undefined,
      );
      expect(await readRows(system, clerkId)).toMatchObject({ users: [{ name: null }], mentorados: [] });
    });

    test("a live user is not purged while Clerk fails, without its key, or with another instance's", async () => {
      const person = canary("emberiza");
      const { clerkId } = await signUp(person);
      await system.clerk.users.delete(clerkId, { silent: true });
      const before = await findAnywhere(person.words);
      const fault = await system.clerk.faults.add({ kind: "status", status: 500 });
      expect(await purge(clerkId)).toMatchObject({
        code: 1,
        output: expect.stringContaining("clerk.unavailable"),
      });
      await system.clerk.faults.remove(fault);

      const stranger = await startClerkSimulator({ rateLimit: null });
      await stranger.users.create();
      for (const [environment, why] of [
        [{ CLERK_API_URL: stranger.url, CLERK_SECRET_KEY: stranger.secretKey }, "none of our users"],
        [{ CLERK_SECRET_KEY: "" }, "CLERK_SECRET_KEY"],
      ] as const) {
        const command = runProcess("apps/cli/dist/main.js", { ...system.environment, ...environment }, [
          "purge",
          clerkId,
        ]);
        expect(await command.exited).toBe(1);
        expect(command.output()).toContain(why);
      }
      await stranger.stop();
      expect(await findAnywhere(person.words)).toEqual(before);
    });

    test("a profile that belongs to another user by now is left alone", async () => {
      const person = canary("loxia");
      const { clerkId, profileId } = await signUp(person);
      await system.clerk.users.delete(clerkId);
      await untilTombstone(clerkId);
      const heir = await system.clerk.users.create();
      await untilProfile(system, heir.id);
      await system.db.query(
        "delete from mentorados where user_id = (select id from users where clerk_id = $1)",
        [heir.id],
      );
      await system.db.query(
        "update mentorados set user_id = (select id from users where clerk_id = $2) where id = $1",
        [profileId, heir.id],
      );
      const { output } = await purge(clerkId, "--json");
      expect(JSON.parse(output)).toMatchObject({ erased: [], kept: [], candidates: [] });
      expect((await readRows(system, heir.id)).mentorados).toMatchObject([{ email: person.email }]);
    });

    test("profiles that only matched are listed and left alone, unless --also names them", async () => {
      const person = canary("montifringilla");
      const waiting = await system.db.query<{ id: number }>(
        "insert into mentorados (nome_completo, email) values ('one', $1), ('two', $1) returning id",
        [person.email],
      );
      const [first, second] = waiting.rows.map(({ id }) => id);
      const { clerkId, profileId } = await signUp(person);
      await system.clerk.users.delete(clerkId);
      await untilTombstone(clerkId);
      const { output } = await purge(clerkId, "--json");
      expect(JSON.parse(output)).toMatchObject({ erased: [profileId], candidates: [first, second] });
      expect(await findAnywhere(person.words)).toHaveLength(2);
      const again = await purge(clerkId, "--also", `${first},${second}`, "--json");
      expect(JSON.parse(again.output)).toMatchObject({ candidates: [] });
      expect(await findAnywhere(person.words)).toEqual([]);
      expect(await purge(clerkId, "--also", "999999")).toMatchObject({
        code: 1,
        output: expect.stringContaining("mentorado 999999 has a user, or never matched"),
      });
    });

    test("the app's own columns are listed, because only the app can erase them", async () => {
      await system.db.query("alter table mentorados add column cpf text");
      const { clerkId } = await signUp(canary("spinus"));
      await system.clerk.users.delete(clerkId);
      await untilTombstone(clerkId);
      const { output } = await purge(clerkId);
      await system.db.query("alter table mentorados drop column cpf");
      expect(output).toContain("mentorados.cpf");
    });

    test.each<[string[], number, string]>([
      [[], 2, "Missing required argument 'clerkId'"],
      [["user_1", "user_2"], 2, "Too many arguments"],
      [["org_1"], 2, "user_"],
      [["user_1", "--also", "five"], 2, "commas"],
      [["user_unheardOf"], 1, "user.unknown"],
    ])("%j exits with %i and a sentence", async (args, code, word) => {
      const ended = await purge(...args);
      expect(ended).toEqual({ code, output: expect.stringContaining(word) });
    });
  }

  /** Writes a cache entry as an app does that shares the Redis. */
  async function setAppSession(clerkId: string, value: string): Promise<void> {
    if (!system.redis) return;
    const redis = new Redis(system.redis.url);
    await redis.set(`session:${clerkId}`, value);
    redis.disconnect();
  }

  /** Makes a dead letter of a user with rows. */
  async function makeDeadLetter(clerkId: string, email: string): Promise<void> {
    await system.db.query(
      `alter table users add constraint poison check (email is distinct from '${email}' or name is null or name !~ 'Doomed') not valid`,
    );
    await system.clerk.users.update(clerkId, { lastName: "Doomed" });
    await untilDeadLetter(system, clerkId);
    await system.db.query("alter table users drop constraint poison");
  }

  /** Records the reason that an operator typed when they discarded another dead letter of the user. */
  async function recordReason(clerkId: string, reason: string): Promise<void> {
    await system.db.query(
      "insert into rollcall.events (clerk_id, kind, cause, ref, details) values ($1, 'dead_letter_discarded', 'admin', 'admin', $2)",
      [clerkId, JSON.stringify({ deadLetterId: "1", reason })],
    );
  }
});
