import type { BulkView } from "@rollcall/contracts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { ensure, untilProfile } from "../harness/calls.ts";
import { makeOperators, operatorPassword, operators } from "../harness/console.ts";
import { untilOutput } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend, environment: { ADMIN_OPERATORS: await makeOperators() } });
  });
  beforeEach(async () => {
    await system.db.query("truncate users, mentorados, rollcall.events, rollcall.bulk_changes cascade");
  });
  afterAll(() => system?.stop());

  type Role = keyof typeof operators;
  const as = (role: Role) => ({
    authorization: `Basic ${Buffer.from(`${operators[role]}:${operatorPassword}`).toString("base64")}`,
  });
  const call = (role: Role, path: string, body?: unknown) =>
    callAdmin(system, `/api/admin${path}`, {
      method: body === undefined ? "GET" : "POST",
      body,
      headers: as(role),
    });
  const bulk = (body: unknown, role: Role = "admin") => call(role, "/users/bulk", body);

  async function insert(count: number, turma = "neon"): Promise<void> {
    await system.db.query(
      `with made as (
         insert into users (clerk_id, name) select 'user_' || $2 || n, 'Vasco Secret' from generate_series(1, $1) n returning id
       )
       insert into mentorados (user_id, nome_completo, turma) select id, 'X', $2 from made`,
      [count, turma],
    );
  }

  function untilOver(id: number): Promise<Partial<BulkView>> {
    return waitFor(`the bulk change ${id} to be over`, async () => {
      const { body } = await call("viewer", `/bulk/${id}`);
      // The body of a refusal has no such field.
      const change = body as Partial<BulkView>;
      return change.finishedAt ? change : undefined;
    });
  }

  async function readTiers(): Promise<Record<string, number>> {
    const { rows } = await system.db.query("select tier, count(*)::int as count from users group by tier");
    return Object.fromEntries(rows.map(({ tier, count }) => [tier, count]));
  }

  const readEvents = async (kind: string) =>
    (await system.db.query("select * from rollcall.events where kind = $1 order by id", [kind])).rows;

  describe("a tier for all that match", () => {
    test("is previewed, written once for each user, and audited once", async () => {
      await insert(700);
      await insert(50, "estrutura");
      const filter = { tier: "FREE", turma: "neon", state: "live" };
      const action = { tier: "PRO" };
      expect(await bulk({ filter, action, preview: true })).toMatchObject({
        status: 200,
        body: { matching: 700 },
      });
      expect(await readTiers()).toEqual({ FREE: 750 });
      const answer = await bulk({ filter, action, expected: 700 });
      expect(answer).toMatchObject({ status: 202, body: { matching: 700, jobId: expect.any(Number) } });
      const { jobId } = answer.body as { jobId: number };
      expect(await untilOver(jobId)).toMatchObject({
        id: jobId,
        ...{ action, filter, state: "done", matching: 700, done: 700, failed: 0, skipped: 0, by: "ana" },
      });
      expect(await readTiers()).toEqual({ PRO: 700, FREE: 50 });
      expect(await readEvents("tier_changed")).toHaveLength(700);
      expect(await system.db.query("select * from rollcall.events where cause = 'admin'")).toMatchObject({
        rows: [
          {
            kind: "bulk_requested",
            ref: "ana",
            clerk_id: null,
            details: { bulkId: jobId, action: "tier", tier: "PRO", matching: 700 },
          },
        ],
      });
      expect((await call("viewer", "/bulk")).body).toMatchObject({
        items: [{ id: jobId }],
        nextCursor: null,
      });
    });

    test("is what the next login sees", async () => {
      const person = await system.clerk.users.create();
      await untilProfile(system, person.id);
      expect(await ensure(system, person.id)).toMatchObject({ body: { user: { tier: "FREE" } } });
      const { body } = await bulk({ filter: { tier: "FREE" }, action: { tier: "PRO" } });
      await untilOver((body as { jobId: number }).jobId);
      expect(await ensure(system, person.id)).toMatchObject({ body: { user: { tier: "PRO" } } });
    });

    test("without a match is over at once", async () => {
      const { status, body } = await bulk({ filter: { tier: "GOLD" }, action: { tier: "PRO" } });
      expect({ status, body }).toMatchObject({ status: 202, body: { matching: 0 } });
      const { jobId } = body as { jobId: number };
      expect((await call("viewer", `/bulk/${jobId}`)).body).toMatchObject({ state: "done", matching: 0 });
    });

    test("for two changes at once leaves each user with one of both tiers and one event for each change", async () => {
      await insert(1_500);
      const answers = await Promise.all(
        ["PRO", "GOLD"].map((tier) => bulk({ filter: { tier: "FREE" }, action: { tier } })),
      );
      for (const { body } of answers)
        expect(await untilOver((body as { jobId: number }).jobId)).toMatchObject({
          state: "done",
          matching: 1_500,
          done: 1_500,
        });
      const tiers = await readTiers();
      expect((tiers["PRO"] ?? 0) + (tiers["GOLD"] ?? 0)).toBe(1_500);
      expect(await readEvents("tier_changed")).toHaveLength(3_000);
    });
  });

  describe("a refresh for all that match", () => {
    test("syncs each user", async () => {
      await system.clerk.users.seed(60);
      const people = await system.clerk.users.list({ limit: 60 });
      await system.db.query("insert into users (clerk_id, tier) select unnest($1::text[]), 'REFRESH'", [
        people.map(({ id }) => id),
      ]);
      const { body } = await bulk({ filter: { tier: "REFRESH" }, action: { refresh: true } }, "operator");
      expect(await untilOver((body as { jobId: number }).jobId)).toMatchObject({
        action: { refresh: true },
        state: "done",
        done: 60,
      });
      for (const { id } of people) await untilProfile(system, id);
      expect(await readEvents("sync_requested")).toHaveLength(0);
    });
  });

  describe("an operator", () => {
    test.each<[string, Role, unknown, number, string]>([
      [
        "a viewer that refreshes",
        "viewer",
        { filter: {}, action: { refresh: true } },
        403,
        "admin.forbidden",
      ],
      [
        "an operator that changes a tier",
        "operator",
        { filter: {}, action: { tier: "PRO" } },
        403,
        "admin.forbidden",
      ],
      [
        "an operator that previews a tier",
        "operator",
        { filter: {}, action: { tier: "PRO" }, preview: true },
        403,
        "admin.forbidden",
      ],
      ["no selection", "admin", { action: { tier: "PRO" } }, 400, "filter"],
      [
        "two selections",
        "admin",
        { filter: {}, clerkIds: ["user_a"], action: { tier: "PRO" } },
        400,
        "filter",
      ],
      ["an unknown filter", "admin", { filter: { trier: "FREE" }, action: { tier: "PRO" } }, 400, "trier"],
      [
        "a filter by an email",
        "admin",
        { filter: { email: "a@example.com" }, action: { tier: "PRO" } },
        400,
        "email",
      ],
      ["a state that is none", "admin", { filter: { state: "dead" }, action: { tier: "PRO" } }, 400, "state"],
      [
        "a time that is none",
        "admin",
        { filter: { signedUpFrom: "yesterday" }, action: { tier: "PRO" } },
        400,
        "signedUpFrom",
      ],
      [
        "times in the wrong order",
        "admin",
        {
          filter: { signedUpFrom: "2026-02-01T00:00:00Z", signedUpTo: "2026-01-01T00:00:00Z" },
          action: { tier: "PRO" },
        },
        400,
        "signedUpTo",
      ],
      ["a tier that is none", "admin", { filter: {}, action: { tier: "pro" } }, 400, "action"],
      ["two actions", "admin", { filter: {}, action: { tier: "PRO", refresh: true } }, 400, "action"],
      ["an unknown field", "admin", { filter: {}, action: { tier: "PRO" }, dryRun: true }, 400, "dryRun"],
      [
        "a thousand and one ids",
        "admin",
        { clerkIds: Array.from({ length: 1_001 }, (_, at) => `user_${at}`), action: { refresh: true } },
        400,
        "clerkIds",
      ],
    ])("%s is refused", async (_name, role, body, status, word) => {
      await insert(1);
      const answer = await bulk(body, role);
      expect(answer.status).toBe(status);
      expect(JSON.stringify(answer.body)).toContain(word);
      expect((await system.db.query("select from rollcall.bulk_changes")).rows).toHaveLength(0);
    });

    test("learns that the selection grew", async () => {
      await insert(3);
      const answer = await bulk({ filter: {}, action: { tier: "PRO" }, expected: 2 });
      expect(answer).toMatchObject({
        status: 409,
        body: {
          error: {
            code: "admin.selection_changed",
            message: expect.stringContaining("you saw 2, now there are 3"),
          },
        },
      });
      expect(await readTiers()).toEqual({ FREE: 3 });
    });

    test("cancels a change while a worker works on it, and a second operator learns of it", async () => {
      await insert(20_000);
      const { body } = await bulk({ filter: {}, action: { tier: "PRO" } });
      const { jobId } = body as { jobId: number };
      await waitFor("the first portion", async () => {
        const change = (await call("viewer", `/bulk/${jobId}`)).body as BulkView;
        return change.done > 0 || undefined;
      });
      const cancelled = await call("operator", `/bulk/${jobId}/cancel`, {});
      expect(cancelled).toMatchObject({ status: 200, body: { state: "cancelled", cancelledBy: "otto" } });
      const { done } = cancelled.body as BulkView;
      expect(done).toBeLessThan(20_000);
      expect(await call("admin", `/bulk/${jobId}/cancel`, {})).toMatchObject({
        status: 409,
        body: { error: { code: "bulk.finished", message: expect.stringContaining("otto") } },
      });
      await waitFor("the portions to be removed", async () => {
        const { rows } = await system.db.query("select from rollcall.bulk_portions");
        return rows.length === 0 || undefined;
      });
      expect(await readTiers()).toEqual({ PRO: done, FREE: 20_000 - done });
      expect(await readEvents("tier_changed")).toHaveLength(done);
    });
  });

  test("the search text is in no table, no queue and no log", async () => {
    await insert(5);
    const { body } = await bulk({ filter: { query: "vasco secret" }, action: { tier: "PRO" } });
    const { jobId } = body as { jobId: number };
    expect(await untilOver(jobId)).toMatchObject({ done: 5, filter: {}, searched: true });
    const tables = await system.db.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('rollcall', 'bullmq')`,
    );
    for (const { name } of tables.rows) {
      const found = await system.db.query(
        `select from ${name} t where to_jsonb(t)::text ilike '%vasco%' limit 1`,
      );
      expect([name, found.rows.length]).toEqual([name, 0]);
    }
    await untilOutput(system.api, "bulk_requested");
    expect(`${system.api.output()}${system.worker.output()}`).not.toMatch(/vasco/i);
  });
});
