import { randomUUID } from "node:crypto";
import type { DeadLetterView, ReplayAnswer } from "@rollcall/contracts";
import type { DeadLetter } from "@rollcall/jobs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { ensure, postWebhook, untilDeadLetter, untilProfile, withQueue } from "../harness/calls.ts";
import { runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend });
  });
  afterAll(() => system?.stop());

  const list = async (query = "") => {
    const { body } = await callAdmin(system, `/api/admin/dead-letters${query}`);
    return body as { items: DeadLetterView[]; nextCursor: string | null };
  };
  const post = (action: "replay" | "discard", body: unknown) =>
    callAdmin(system, `/api/admin/dead-letters/${action}`, { method: "POST", body });

  async function rollcall(...args: string[]) {
    const command = runProcess("apps/cli/dist/main.js", system.environment, ["dead-letters", ...args]);
    return { code: await command.exited, output: command.output() };
  }

  /** Adds dead letters, as the mover leaves them, of users whose failure has been fixed meanwhile. */
  async function addDeadLetters(letters: number, fields: Partial<DeadLetter> = {}) {
    const people = await Promise.all(
      Array.from({ length: letters }, () => system.clerk.users.create({}, { silent: true })),
    );
    await withQueue(system, "dead-letter", (queue) =>
      queue.addBulk(
        people.map(({ id }) => {
          const at = Date.now();
          const payload = { v: 1, kind: "refresh", clerkId: id, cause: "webhook", eventAtMs: at };
          const died = { code: "user.rejected", attempts: 5, firstAtMs: at, failedAtMs: at };
          const letter = {
            v: 1,
            queue: "sync",
            name: "refresh",
            payload,
            ...died,
            replayable: true,
            ...fields,
          };
          return { name: letter.code, data: letter, opts: { jobId: `sync.${randomUUID()}` } };
        }),
      ),
    );
    return people;
  }

  const idOf = async (clerkId: string) =>
    (await list("?limit=200")).items.find((letter) => letter.clerkId === clerkId)?.id ?? "";

  const eventsOf = async (kind: string, clerkId: string | null) =>
    (
      await system.db.query(
        "select ref, details from rollcall.events where kind = $1 and clerk_id is not distinct from $2",
        [kind, clerkId],
      )
    ).rows;

  async function quarantine(): Promise<DeadLetterView> {
    await postWebhook(system, JSON.stringify({ type: "user.updated", nonce: randomUUID(), data: {} }));
    const [letter] = (await list("?code=webhook.unreadable")).items;
    if (!letter) throw new Error("Nothing was quarantined");
    return letter;
  }

  test("a replayed dead letter is gone, its user is provisioned, and the timeline names the caller", async () => {
    await system.db.query("alter table users add constraint no_poison check (email not like 'poison%')");
    const person = await system.clerk.users.create({ email: "poison@example.com" }, { silent: true });
    await ensure(system, person.id);
    await untilDeadLetter(system, person.id);
    const { items } = await list("?code=user.rejected");
    const letter = items.find((found) => found.clerkId === person.id);
    if (!letter) throw new Error("The list lacks the dead letter");
    expect(letter).toMatchObject({ queue: "ensure", kind: "refresh", attempts: 5, replayable: true });
    // The user has no row, so Clerk tells who it is. What Postgres refused is named by the schema alone.
    expect(letter).toMatchObject({
      person: { email: "poison@example.com" },
      refusal: { sqlState: "23514", table: "users", constraint: "no_poison" },
    });
    const { body: report } = await callAdmin(system, `/api/admin/users/${person.id}`);
    expect(report).toMatchObject({ deadLetters: [{ id: letter.id, refusal: letter.refusal }] });
    expect(await eventsOf("dead_letter_added", person.id)).toEqual([
      {
        ref: null,
        details: {
          ...{ deadLetterId: letter.id, code: "user.rejected", queue: "ensure", job: "refresh", attempts: 5 },
          ...{ sqlState: "23514", table: "users", constraint: "no_poison" },
        },
      },
    ]);
    const stored = await withQueue(system, "dead-letter", (queue) => queue.getJob(letter.id));
    expect(`${JSON.stringify(stored?.data)} ${system.api.output()}`).not.toContain("poison@");

    await system.db.query("alter table users drop constraint no_poison");
    expect(await post("replay", { ids: [letter.id] })).toMatchObject({
      status: 200,
      body: { replayed: 1, refused: [], more: false },
    });
    await untilProfile(system, person.id);
    expect((await list()).items.map(({ id }) => id)).not.toContain(letter.id);
    expect(await eventsOf("dead_letter_replayed", person.id)).toEqual([
      { ref: "admin", details: expect.objectContaining({ deadLetterId: letter.id, code: "user.rejected" }) },
    ]);
    expect(await post("replay", { ids: [letter.id] })).toMatchObject({
      status: 404,
      body: { error: { code: "dead_letter.unknown", message: expect.stringContaining("already") } },
    });
  });

  test("while Clerk does not answer, the list has no names of users without a row", async () => {
    const [person] = await addDeadLetters(1);
    const find = async () => (await list()).items.find(({ clerkId }) => clerkId === person?.id);
    expect((await find())?.person).not.toBeNull();
    const fault = await system.clerk.faults.add({ kind: "hang" });
    expect(await find()).toMatchObject({ person: null });
    await system.clerk.faults.remove(fault);
    await post("discard", { ids: [await idOf(person?.id ?? "")], reason: "only a test" });
  });

  test("a dead letter that is replayed twice at once creates one profile", async () => {
    const [person] = await addDeadLetters(1);
    const id = await idOf(person?.id ?? "");
    const answers = await Promise.all([post("replay", { ids: [id] }), post("replay", { ids: [id] })]);
    expect(answers.map(({ status }) => status)).toContain(200);
    expect((await untilProfile(system, person?.id ?? "")).mentorados).toHaveLength(1);
    expect(await idOf(person?.id ?? "")).toBe("");
  });

  test("a replay by code replays the dead letters of that code and no others", async () => {
    const [rejected, unreadable] = [
      await addDeadLetters(2),
      await addDeadLetters(1, { code: "clerk.unreadable" }),
    ];
    expect((await callAdmin(system, "/api/admin/dead-letters/codes")).body).toEqual({
      items: [
        { code: "user.rejected", count: 2 },
        { code: "clerk.unreadable", count: 1 },
      ],
      nextCursor: null,
    });
    expect((await post("replay", { code: "clerk.unreadable" })).body).toMatchObject({ replayed: 1 });
    await untilProfile(system, unreadable[0]?.id ?? "");
    expect(await idOf(rejected[0]?.id ?? "")).not.toBe("");
    expect((await post("replay", { code: "user.rejected" })).body).toMatchObject({ replayed: 2 });
    expect((await post("replay", { code: "user.rejected" })).body).toMatchObject({ replayed: 0 });
    for (const { id } of rejected) await untilProfile(system, id);
  });

  test("a replay of all stops at a limit and says that there are more, and quarantined ones stay", async () => {
    const quarantined = await quarantine();
    const people = await addDeadLetters(510);
    const first = await post("replay", { all: true });
    expect(first.body).toEqual({ replayed: 500, refused: [], more: true });
    const second = await post("replay", { all: true });
    expect(second.body).toEqual({ replayed: 10, refused: [], more: false });
    expect((await list()).items.map(({ id }) => id)).toEqual([quarantined.id]);
    for (const { id } of [people[0], people.at(-1)].flatMap((person) => person ?? []))
      await untilProfile(system, id, 60_000);
    await post("discard", { ids: [quarantined.id], reason: "end of the test" });
  });

  test("a quarantined delivery cannot be replayed, and a sentence says so", async () => {
    const { id } = await quarantine();
    for (const wish of [{ ids: [id] }, { code: "webhook.unreadable" }]) {
      const answer = await post("replay", wish);
      expect(answer).toMatchObject({ status: 409, body: { error: { code: "dead_letter.not_replayable" } } });
      expect(JSON.stringify(answer.body)).toContain("names no user");
    }
    const [person] = await addDeadLetters(1);
    const mixed = await post("replay", { ids: [id, await idOf(person?.id ?? ""), "sync.nothing.1"] });
    expect(mixed.status).toBe(200);
    const { replayed, refused } = mixed.body as ReplayAnswer;
    expect(replayed).toBe(1);
    expect(refused.map((one) => [one.id, one.code])).toEqual([
      ["sync.nothing.1", "dead_letter.unknown"],
      [id, "dead_letter.not_replayable"],
    ]);
    await post("discard", { ids: [id], reason: "end of the test" });
  });

  test("discarding needs a reason, which the timeline keeps and the log does not", async () => {
    const { id, delivery } = await quarantine();
    expect(delivery).toMatchObject({ svixId: expect.stringMatching(/^msg_/), type: "user.updated" });
    expect((await post("discard", { ids: [id], reason: "sent by our own probe" })).body).toEqual({
      discarded: 1,
      refused: [],
    });
    expect((await list()).items.map((letter) => letter.id)).not.toContain(id);
    expect(await eventsOf("dead_letter_discarded", null)).toContainEqual({
      ref: "admin",
      details: expect.objectContaining({ deadLetterId: id, reason: "sent by our own probe" }),
    });
    expect(system.api.output()).not.toContain("sent by our own probe");
  });

  test("pages list every dead letter once, newest first, while new ones arrive", async () => {
    const people = await addDeadLetters(25);
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query: string = cursor === "" ? "?limit=10" : `?limit=10&cursor=${cursor}`;
      const page: { items: DeadLetterView[]; nextCursor: string | null } = await list(query);
      seen.push(...page.items.map((letter) => letter.clerkId ?? ""));
      cursor = page.nextCursor;
      await addDeadLetters(1);
    }
    const old = seen.filter((clerkId) => people.some(({ id }) => id === clerkId));
    expect(old).toEqual(people.map(({ id }) => id).reverse());
    await post("replay", { all: true });
  });

  describe("wrong input gets a sentence that helps", () => {
    test.each<["replay" | "discard", unknown, string]>([
      ["replay", {}, "name one of"],
      ["replay", { all: true, code: "user.rejected" }, "name one of"],
      ["replay", { code: "user.rejectd" }, "error code of the runbook"],
      ["replay", { ids: [] }, "ids"],
      ["replay", { all: false }, "all"],
      ["discard", { ids: ["sync.1.1"] }, "reason"],
      ["discard", { ids: ["sync.1.1"], reason: " " }, "must give the reason in a few words"],
      ["discard", { ids: ["sync.1.1"], reason: "ana@example.com asked" }, "no email"],
    ])("%s %j", async (action, body, sentence) => {
      const answer = await post(action, body);
      expect(answer).toMatchObject({ status: 400, body: { error: { code: "request.malformed" } } });
      expect(JSON.stringify(answer.body)).toContain(sentence);
      expect(JSON.stringify(answer.body)).not.toContain("ana@");
    });

    test.each(["?code=nothing", "?cursor=abc", "?limit=0"])("the list with %s", async (query) => {
      expect((await callAdmin(system, `/api/admin/dead-letters${query}`)).status).toBe(400);
    });

    test("discarding an unknown dead letter", async () => {
      expect(await post("discard", { ids: ["sync.1.1"], reason: "typo" })).toMatchObject({
        status: 404,
        body: { error: { code: "dead_letter.unknown" } },
      });
    });
  });

  test.each([
    ["GET", ""],
    ["GET", "/codes"],
    ["POST", "/replay"],
    ["POST", "/discard"],
  ])("%s dead-letters%s answers 401 without a password", async (method, path) => {
    const answer = await fetch(`${system.apiUrl}/api/admin/dead-letters${path}`, { method });
    expect(answer.status).toBe(401);
  });

  describe("rollcall dead-letters", () => {
    test("lists, replays by id and by code, and discards, with the caller in the timeline", async () => {
      const [one, two] = await addDeadLetters(2);
      if (!one || !two) throw new Error("No dead letter was added");
      const quarantined = await quarantine();
      const listed = await rollcall();
      expect(listed.code).toBe(0);
      expect(listed.output).toMatch(/2 +user\.rejected/);
      for (const text of [one.id, two.id, quarantined.id, "not replayable"])
        expect(listed.output).toContain(text);

      const json = await rollcall("--code", "user.rejected", "--json");
      expect(JSON.parse(json.output).items).toHaveLength(2);

      expect((await rollcall("replay", await idOf(one.id))).output).toContain("1 replayed");
      expect((await rollcall("replay", "--code", "user.rejected", "--json")).output).toContain(
        '"replayed": 1',
      );
      for (const { id } of [one, two]) await untilProfile(system, id);
      expect(await eventsOf("dead_letter_replayed", one.id)).toMatchObject([
        { ref: expect.stringMatching(/^cli:/) },
      ]);

      const discarded = await rollcall("discard", quarantined.id, "--reason", "our own probe");
      expect(discarded.output).toMatch(/^1 discarded from the queues of the database \w+ at 127/m);
      expect((await rollcall()).output).toContain("No dead letters.");
      expect((await rollcall("replay", "--all")).output).toContain("0 replayed");
    });

    test("fails with a sentence for an unknown id", async () => {
      const { code, output } = await rollcall("replay", "sync.1.1");
      expect(code).toBe(1);
      expect(output).toContain("There is no dead letter with this id");
    });

    test.each([
      [["replay"]],
      [["replay", "--all", "--code", "user.rejected"]],
      [["replay", "--code", "nonsense"]],
      [["discard", "sync.1.1"]],
      [["discard", "--reason", "because"]],
      [["resurrect"]],
      [["--code", "nonsense"]],
      [["--all"]],
    ])("exits with 2 and prints the usage for wrong arguments: %j", async (args) => {
      const { code, output } = await rollcall(...args);
      expect(code).toBe(2);
      expect(output).toContain("Usage: rollcall");
    });
  });
});
