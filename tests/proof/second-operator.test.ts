import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { type Answer, untilProfile, withQueue } from "../harness/calls.ts";
import { makeOperators, operatorPassword, operators } from "../harness/console.ts";
import { type System, startSystem } from "../harness/system.ts";

/** When two operators act on one object, the second one learns which operator did what, and when. */
describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend, environment: { ADMIN_OPERATORS: await makeOperators() } });
  });
  afterAll(() => system?.stop());

  type Role = keyof typeof operators;
  function call(role: Role, method: string, path: string, body?: unknown, language = "en"): Promise<Answer> {
    const credentials = Buffer.from(`${operators[role]}:${operatorPassword}`).toString("base64");
    const headers = { authorization: `Basic ${credentials}`, "accept-language": language };
    return callAdmin(system, `/api/admin${path}`, { method, body, headers });
  }

  const refusal = (status: number, code: string, message: RegExp) => ({
    status,
    body: { error: { code, message: expect.stringMatching(message) } },
  });

  test("a tier that another operator changed meanwhile is not overwritten", async () => {
    const person = await system.clerk.users.create();
    await untilProfile(system, person.id);
    const patch = (role: Role, body: object, language?: string) =>
      call(role, "PATCH", `/users/${person.id}`, body, language);
    expect(await patch("operator", { tier: "PRO", expectedTier: "FREE" })).toMatchObject({ status: 200 });
    const late = { tier: "GOLD", expectedTier: "FREE" };
    expect(await patch("admin", late)).toMatchObject(
      refusal(409, "admin.changed_meanwhile", /by otto at \d{4}-\d\d-\d\d \d\d:\d\d UTC; tier now: PRO/),
    );
    expect(await patch("admin", late, "pt-BR")).toMatchObject(
      refusal(409, "admin.changed_meanwhile", /por otto em .* UTC; tier agora: PRO/),
    );
    await system.db.query("update users set tier = 'APP' where clerk_id = $1", [person.id]);
    expect(await patch("admin", late)).toMatchObject(
      refusal(409, "admin.changed_meanwhile", /changed outside Rollcall; tier now: APP/),
    );
    expect(await patch("admin", { tier: "GOLD" })).toMatchObject({ status: 200 });
  });

  test("a conflict that another operator decided", async () => {
    const email = `${randomUUID()}@example.com`;
    await system.db.query("insert into mentorados (nome_completo, email) values ('one', $1), ('two', $1)", [
      email,
    ]);
    const person = await system.clerk.users.create({ email });
    await untilProfile(system, person.id);
    const { rows } = await system.db.query("select id::int from rollcall.conflicts where state = 'open'");
    const path = `/conflicts/${rows[0]?.id}/resolve`;
    expect((await call("operator", "POST", path, { dismiss: true })).status).toBe(204);
    expect(await call("admin", "POST", path, { dismiss: true })).toMatchObject(
      refusal(409, "conflict.closed", /by otto at .* UTC; the conflict was dismissed/),
    );
  });

  describe("dead letters", () => {
    async function add(count: number): Promise<string[]> {
      const ids = Array.from({ length: count }, () => `sync.${randomUUID()}`);
      const at = Date.now();
      const payload = { v: 1, kind: "refresh", clerkId: "user_absent", cause: "webhook", eventAtMs: at };
      const died = { code: "user.rejected", attempts: 5, firstAtMs: at, failedAtMs: at, replayable: true };
      const data = { v: 1, queue: "sync", name: "refresh", payload, ...died };
      await withQueue(system, "dead-letter", (queue) =>
        queue.addBulk(ids.map((jobId) => ({ name: data.code, data, opts: { jobId } }))),
      );
      return ids;
    }

    test("that another operator replayed or discarded are named with the operator", async () => {
      const [first = "", second = ""] = await add(2);
      await call("operator", "POST", "/dead-letters/replay", { ids: [first] });
      await call("operator", "POST", "/dead-letters/discard", { ids: [second], reason: "not needed" });
      const late = { ids: [first], reason: "not needed" };
      expect(await call("admin", "POST", "/dead-letters/discard", late)).toMatchObject(
        refusal(404, "dead_letter.unknown", /by otto at .* UTC; replayed/),
      );
      const [third = ""] = await add(1);
      const message = expect.stringMatching(/by otto at .* UTC; discarded/);
      expect(await call("admin", "POST", "/dead-letters/replay", { ids: [third, second] })).toMatchObject({
        status: 200,
        body: { replayed: 1, refused: [{ id: second, code: "dead_letter.unknown", message }] },
      });
    });

    test("that two operators replay and discard at once count once and have one event each", async () => {
      const ids = await add(120);
      const all = { code: "user.rejected" };
      const answers = await Promise.all([
        call("operator", "POST", "/dead-letters/replay", all),
        call("admin", "POST", "/dead-letters/discard", { ...all, reason: "not needed" }),
        call("admin", "POST", "/dead-letters/replay", { ids: ids.slice(0, 50) }),
      ]);
      const count = answers.reduce((sum, { body }) => {
        const { replayed = 0, discarded = 0 } = body as { replayed?: number; discarded?: number };
        return sum + replayed + discarded;
      }, 0);
      expect(count).toBe(120);
      const { rows } = await system.db.query(
        `select count(*)::int as events, count(distinct details ->> 'deadLetterId')::int as letters
         from rollcall.events where details ->> 'deadLetterId' = any ($1)`,
        [ids],
      );
      expect(rows).toEqual([{ events: 120, letters: 120 }]);
    });

    test("of a code, or all, are discarded with a reason, at most 500 a call", async () => {
      await add(510);
      const discard = (body: object) =>
        call("operator", "POST", "/dead-letters/discard", { reason: "cause is gone", ...body });
      expect(await discard({ code: "user.absent" })).toMatchObject({ body: { discarded: 0, more: false } });
      expect(await discard({ code: "user.rejected" })).toMatchObject({
        body: { discarded: 500, more: true },
      });
      expect(await discard({ all: true })).toMatchObject({ body: { discarded: 10, more: false } });
      expect(await discard({ all: true, code: "user.rejected" })).toMatchObject({ status: 400 });
      expect(await discard({})).toMatchObject({ status: 400 });
    });

    test("wait for an operator that is at it, and say so when that takes too long", async () => {
      await add(1);
      await system.db.query(
        `insert into rollcall.leases (name, token, expires_at) values ('dead-letters', gen_random_uuid(), 'infinity')
         on conflict (name) do update set token = excluded.token, expires_at = excluded.expires_at`,
      );
      expect(await call("operator", "POST", "/dead-letters/replay", { all: true })).toMatchObject(
        refusal(409, "dead_letter.busy", /Another operator/),
      );
      await system.db.query("update rollcall.leases set expires_at = now() where name = 'dead-letters'");
      expect(await call("operator", "POST", "/dead-letters/replay", { all: true })).toMatchObject({
        status: 200,
      });
    });
  });

  describe("a run", () => {
    // It would request a full sync of its own.
    beforeAll(() => system.worker.stop());
    beforeEach(() => system.db.query("delete from rollcall.runs"));

    const insertRun = async (state: string) => {
      const { rows } = await system.db.query(
        `insert into rollcall.runs (mode, dry_run, state, started_by, held) values ('full', false, $1, 'x', 8)
         returning id::int`,
        [state],
      );
      return Number(rows[0]?.id);
    };

    test("that another operator cancelled, while it stops and afterwards", async () => {
      // The system holds the lease of the mode, as a runner would.
      const id = await insertRun("running");
      const cancel = (role: Role) => call(role, "POST", `/runs/${id}/cancel`);
      expect(await cancel("operator")).toMatchObject({ status: 202, body: { cancelRequested: true } });
      expect(await cancel("operator")).toMatchObject({ status: 202 });
      expect(await cancel("admin")).toMatchObject(
        refusal(409, "admin.changed_meanwhile", /by otto at .* UTC; it is being cancelled/),
      );
      await system.db.query(
        "update rollcall.runs set state = 'cancelled', finished_at = now() where id = $1",
        [id],
      );
      expect(await cancel("admin")).toMatchObject(
        refusal(409, "run.finished", /by otto at .* UTC; cancelled/),
      );
      const events = await system.db.query("select from rollcall.events where kind = 'reconcile_cancelled'");
      expect(events.rows).toHaveLength(1);
    });

    test("whose deletions another admin confirmed, until the confirmation is five minutes old", async () => {
      const id = await insertRun("held");
      const path = `/runs/${id}/confirm-deletions`;
      const confirm = () => callAdmin(system, `/api/admin${path}`, { method: "POST" });
      expect(await confirm()).toMatchObject({ status: 202 });
      expect(await confirm()).toMatchObject({ status: 202 });
      expect(await call("admin", "POST", path)).toMatchObject(
        refusal(409, "run.confirmed", /by admin at .* UTC; they are being carried out/),
      );
      await system.db.query(
        "update rollcall.events set at = at - interval '6 minutes' where kind = 'deletions_confirmed'",
      );
      expect(await call("admin", "POST", path)).toMatchObject({ status: 202 });
    });
  });
});
