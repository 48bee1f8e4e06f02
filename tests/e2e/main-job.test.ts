import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { ensure, readRows, untilProfile } from "../harness/calls.ts";
import { type System, startSystem } from "../harness/system.ts";

const redisBinary = inject("redisBinary");
const backends = ["redis", "postgres"] as const;

describe.each(backends)("with queues on %s", (backend) => {
  describe.skipIf(backend === "redis" && !redisBinary)("(skipped without redis-server)", () => {
    let system: System;
    beforeAll(async () => {
      system = await startSystem({ backend, redisBinary });
    });
    afterAll(() => system?.stop());

    test("a signed webhook becomes one user with one profile", async () => {
      const person = await system.clerk.users.create({ firstName: "Ada", lastName: "Lovelace" });
      const rows = await untilProfile(system, person.id);
      expect(rows.users).toHaveLength(1);
      expect(rows.users[0]).toMatchObject({ name: "Ada Lovelace", role: "user", tier: "FREE" });
      expect(rows.mentorados).toHaveLength(1);
      expect(rows.mentorados[0]).toMatchObject({
        nome_completo: "Ada Lovelace",
        turma: "neon",
        ativo: "sim",
      });
    });

    test("an ensure call makes user and profile before any webhook came", async () => {
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
      const person = await system.clerk.users.create();
      const answers = await Promise.all(Array.from({ length: 100 }, () => ensure(system, person.id)));
      expect(answers.map((answer) => answer.status)).toEqual(Array(100).fill(200));
      const rows = await readRows(system, person.id);
      expect([rows.users.length, rows.mentorados.length]).toEqual([1, 1]);
      await system.clerk.webhooks.release();
    });
  });
});
