import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import {
  ensure,
  postWebhook,
  readDeadLetters,
  readQueueCounts,
  readRows,
  untilIdle,
  untilProfile,
} from "../harness/calls.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    // The deadline is long, because the machine may be busy. The bench measures speed.
    system = await startSystem({ backend, environment: { ENSURE_TIMEOUT_MS: "10000" } });
  });
  afterAll(() => system?.stop());

  test("a signed webhook becomes one user with one profile", async () => {
    const person = await system.clerk.users.create({ firstName: "Ada", lastName: "Lovelace" });
    const rows = await untilProfile(system, person.id);
    expect(rows.users).toHaveLength(1);
    expect(rows.users[0]).toMatchObject({ name: "Ada Lovelace", role: "user", tier: "FREE" });
    expect(rows.mentorados).toHaveLength(1);
    expect(rows.mentorados[0]).toMatchObject({ nome_completo: "Ada Lovelace", turma: "neon", ativo: "sim" });
  });

  test("an ensure call creates user and profile before any webhook arrived", async () => {
    await system.clerk.webhooks.hold();
    const person = await system.clerk.users.create({ firstName: "Grace" });
    const answer = await ensure(system, person.id);
    expect(answer).toMatchObject({ status: 200, body: { success: true, created: true } });
    expect(answer.body).toMatchObject({
      user: { clerkId: person.id },
      mentorado: { nomeCompleto: "Grace", metaFaturamento: 16_000 },
    });
    await system.clerk.webhooks.release();
    await system.clerk.webhooks.drain();
    expect((await readRows(system, person.id)).mentorados).toHaveLength(1);
  });

  test("100 parallel ensures for one new user give 100 answers and one row of each", async () => {
    await system.clerk.webhooks.hold();
    onTestFinished(() => system.clerk.webhooks.release());
    const person = await system.clerk.users.create();
    const answers = await Promise.all(Array.from({ length: 100 }, () => ensure(system, person.id)));
    expect(answers.map((answer) => answer.status)).toEqual(Array(100).fill(200));
    const rows = await readRows(system, person.id);
    expect([rows.users.length, rows.mentorados.length]).toEqual([1, 1]);
  });

  test("a second ensure answers from the rows, without a job", async () => {
    const person = await system.clerk.users.create();
    await ensure(system, person.id);
    await untilProfile(system, person.id);
    system.worker.child.kill("SIGSTOP");
    const before = await readQueueCounts(system, "ensure");
    const answer = await ensure(system, person.id);
    const after = await readQueueCounts(system, "ensure");
    system.worker.child.kill("SIGCONT");
    expect(answer).toMatchObject({ status: 200, body: { success: true, created: false } });
    expect(after).toEqual(before);
  });

  test("a new name at Clerk reaches the user and never overwrites the profile", async () => {
    const person = await system.clerk.users.create({ firstName: "Before" });
    await untilProfile(system, person.id);
    await system.clerk.users.update(person.id, { firstName: "After" });
    await waitFor("the new name", async () => {
      const { users } = await readRows(system, person.id);
      return users[0]?.["name"] === "After" ? true : undefined;
    });
    expect((await readRows(system, person.id)).mentorados[0]).toMatchObject({ nome_completo: "Before" });
  });

  test("a signed deletion leaves a tombstone without personal data, and a profile without a user", async () => {
    const person = await system.clerk.users.create({ firstName: "Gone", email: "gone@example.com" });
    const profileId = (await untilProfile(system, person.id)).mentorados[0]?.["id"];
    await system.clerk.users.delete(person.id);
    const user = await waitFor("the tombstone", async () => {
      const { users } = await readRows(system, person.id);
      return users[0]?.["deleted_at"] ? users[0] : undefined;
    });
    expect(user).toMatchObject({ email: null, name: null, image_url: null });
    const profile = await system.db.query("select user_id, ativo from mentorados where id = $1", [profileId]);
    expect(profile.rows).toEqual([{ user_id: null, ativo: "nao" }]);
  });

  test("a user deleted before its creation arrived stays deleted", async () => {
    await system.clerk.webhooks.hold();
    const person = await system.clerk.users.create();
    await system.clerk.users.delete(person.id);
    await system.clerk.webhooks.release({ order: "reversed" });
    await system.clerk.webhooks.drain();
    await waitFor("the tombstone", async () => {
      const { users } = await readRows(system, person.id);
      return users[0]?.["deleted_at"] ? true : undefined;
    });
    await untilIdle(system, "sync");
    const rows = await readRows(system, person.id);
    expect(rows.users[0]?.["deleted_at"]).toBeTruthy();
    expect(rows.mentorados).toEqual([]);
  });

  test("a login provisions a user whose creation was lost, and a later login reads nothing from Clerk", async () => {
    await system.clerk.webhooks.disturb({ loseNext: 1 });
    const person = await system.clerk.users.create();
    await system.clerk.sessions.signIn(person.id);
    await untilProfile(system, person.id);
    await system.clerk.requests.clear();
    await system.clerk.sessions.signIn(person.id);
    await system.clerk.webhooks.drain();
    await untilIdle(system, "sync");
    const asked = await system.clerk.requests.list();
    expect(asked.filter((request) => request.path.includes(person.id))).toEqual([]);
  });

  describe("a job that cannot succeed", () => {
    test("ends after five attempts as a dead letter with a code and without personal data", async () => {
      const person = await system.clerk.users.create({ email: "poison@example.com" }, { silent: true });
      await system.db.query(
        "alter table users add constraint allowed_emails check (email is distinct from 'poison@example.com')",
      );
      await ensure(system, person.id);
      const letter = await waitFor(
        "the dead letter",
        async () => (await readDeadLetters(system)).find((found) => found.includes(person.id)),
        120_000,
      );
      expect(JSON.parse(letter)).toMatchObject({
        code: "user.rejected",
        attempts: 5,
        queue: "ensure",
        refusal: { constraint: "allowed_emails" },
      });
      expect(letter).not.toContain("poison");
      await system.db.query("alter table users drop constraint allowed_emails");
    });

    test("an unreadable delivery is quarantined without its body", async () => {
      const answer = await postWebhook(system, '{"type":"user.created","data":{"first_name":"Hidden"}}');
      expect(answer).toMatchObject({ status: 200, body: { status: "quarantined" } });
      const letters = await readDeadLetters(system);
      const letter = letters.find((found) => found.includes("webhook.unreadable")) ?? "{}";
      expect(JSON.parse(letter)).toMatchObject({
        code: "webhook.unreadable",
        replayable: false,
        payload: { type: "user.created", sizeBytes: 54, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      });
      expect(letter).not.toContain("Hidden");
    });
  });

  // On Redis, BullMQ does it at each completion.
  test.skipIf(backend === "redis")("a worker removes completed jobs beyond the history", async () => {
    await system.db.query(
      `insert into bullmq.job (queue, id, seq, name, state, added_at_ms, finished_at_ms)
       select 'sync', 'old.' || n, n, 'refresh', 'completed', 0, extract(epoch from now()) * 1000 - n
       from generate_series(1, 3000) n`,
    );
    await waitFor("the history to be trimmed", async () => {
      const { rows } = await system.db.query(
        "select count(*)::int as count from bullmq.job where queue = 'sync' and state = 'completed'",
      );
      return rows[0]?.count <= 1_000 ? true : undefined;
    });
  });

  test("after SIGTERM the worker finishes its active jobs and exits with 0", async () => {
    const people = await Promise.all(
      Array.from({ length: 20 }, () => system.clerk.users.create({}, { silent: true })),
    );
    await system.clerk.faults.add({ kind: "latency", ms: 300 });
    const answers = people.map((person) => ensure(system, person.id));
    await waitFor("active jobs", async () =>
      (await readQueueCounts(system, "ensure")).active > 0 ? true : undefined,
    );
    expect(await system.worker.stop()).toBe(0);
    expect((await readQueueCounts(system, "ensure")).active).toBe(0);
    await system.clerk.faults.heal();
    system.worker = system.startWorker();
    await Promise.all(answers);
    await Promise.all(people.map((person) => untilProfile(system, person.id)));
  });
});
