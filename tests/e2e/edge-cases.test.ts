import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { ensure, ensureAgain, readRows, untilIdle, untilProfile } from "../harness/calls.ts";
import { untilOutput } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend });
  });
  afterEach(async () => {
    await system.clerk.faults.heal();
    await system.clerk.webhooks.calm();
    await system.clerk.webhooks.release();
  });
  afterAll(() => system?.stop());

  const counts = async (clerkId: string) => {
    const { users, mentorados } = await readRows(system, clerkId);
    return [users.length, mentorados.length];
  };

  test("simultaneous logins on several devices create one user with one profile", async () => {
    const person = await system.clerk.users.create({}, { silent: true });
    const devices = Array.from({ length: 5 }, async () => {
      await system.clerk.sessions.signIn(person.id);
      return ensureAgain(system, person.id);
    });
    expect((await Promise.all(devices)).map((answer) => answer.status)).toEqual(Array(5).fill(200));
    expect(await counts(person.id)).toEqual([1, 1]);
  });

  test.skipIf(backend === "postgres")(
    "a cached session without a profile is answered with the profile (the cache exists only with Redis)",
    async () => {
      const person = await system.clerk.users.create();
      await untilProfile(system, person.id);
      await untilIdle(system, "sync");
      await waitFor("the cache to be filled", async () => {
        await ensure(system, person.id);
        return (await readCache(person.id))?.includes(person.id) ? true : undefined;
      });
      const cached = JSON.parse((await readCache(person.id)) ?? "");
      await writeCache(person.id, JSON.stringify({ ...cached, mentorado: null }));
      expect(await ensure(system, person.id)).toMatchObject({
        status: 200,
        body: { mentorado: { userId: cached.user.id } },
      });
      await untilOutput(system.api, '"event":"cache_hit_no_mentorado"');
    },
  );

  test("network failures during creation leave one user with one profile", async () => {
    await system.clerk.faults.add({ kind: "reset", times: 3 });
    const person = await system.clerk.users.create();
    await untilProfile(system, person.id);
    expect(await counts(person.id)).toEqual([1, 1]);
  });

  test("a user without an email and a name gets a profile", async () => {
    const person = await system.clerk.users.create({
      email: null,
      emails: [],
      firstName: null,
      username: null,
    });
    const { users, mentorados } = await untilProfile(system, person.id);
    expect(users[0]).toMatchObject({ email: null, name: null });
    expect(mentorados[0]).toMatchObject({ email: null, nome_completo: "New User" });
  });

  test("a user who signs up while Postgres is away gets one profile afterwards", async () => {
    await system.postgres.stop("immediate");
    const person = await system.clerk.users.create();
    expect((await ensure(system, person.id)).status).toBe(503);
    await system.restartPostgres();
    await system.untilReady();
    await system.clerk.webhooks.drain({ retries: true });
    await untilProfile(system, person.id);
    expect(await counts(person.id)).toEqual([1, 1]);
  });

  test("a user with the email of one unclaimed profile gets that profile", async () => {
    const waiting = await system.db.query(
      "insert into mentorados (nome_completo, email, turma) values ('Esperando', 'Waiting@Example.com', 'outra') returning id",
    );
    const person = await system.clerk.users.create({ email: "waiting@example.com" });
    const { mentorados } = await untilProfile(system, person.id);
    expect(mentorados).toMatchObject([
      { id: waiting.rows[0].id, nome_completo: "Esperando", turma: "outra" },
    ]);
  });

  test("a user whose email matches several profiles gets a fresh one and a conflict", async () => {
    const waiting = await system.db.query(
      "insert into mentorados (nome_completo, email) values ('a', 'two@example.com'), ('b', 'two@example.com') returning id",
    );
    const person = await system.clerk.users.create({ email: "two@example.com" });
    const { mentorados } = await untilProfile(system, person.id);
    const ids = waiting.rows.map((row) => row.id);
    expect(ids).not.toContain(mentorados[0]?.["id"]);
    const report = await callAdmin(system, `/api/admin/users/${person.id}`);
    expect(report.body).toMatchObject({ conflicts: [{ reason: "several_candidates", candidateIds: ids }] });
  });

  test.each(["ensure before the webhook", "webhook before the ensure"])(
    "%s makes one profile",
    async (order) => {
      await system.clerk.webhooks.hold();
      const person = await system.clerk.users.create();
      if (order.startsWith("webhook")) {
        await system.clerk.webhooks.release();
        await untilProfile(system, person.id);
      }
      expect((await ensureAgain(system, person.id)).status).toBe(200);
      await system.clerk.webhooks.release();
      await system.clerk.webhooks.drain();
      expect(await counts(person.id)).toEqual([1, 1]);
    },
  );

  test("an admin who creates the profile while the user logs in causes no second profile", async () => {
    const person = await system.clerk.users.create({ publicMetadata: { role: "admin" } });
    await ensureAgain(system, person.id);
    const { users } = await readRows(system, person.id);
    await system.clerk.users.update(person.id, { publicMetadata: {} });
    const [answer] = await Promise.all([
      ensureAgain(system, person.id),
      system.db.query(
        "insert into mentorados (user_id, nome_completo) values ($1, 'by an admin') on conflict (user_id) do nothing",
        [users[0]?.["id"]],
      ),
    ]);
    expect(answer.status).toBe(200);
    await untilProfile(system, person.id);
    expect(await counts(person.id)).toEqual([1, 1]);
  });

  test("a cache entry that expires between creation and first use leaves the login complete", async () => {
    const person = await system.clerk.users.create();
    await untilProfile(system, person.id);
    await ensure(system, person.id);
    await ensure(system, person.id);
    await writeCache(person.id, null);
    expect(await ensure(system, person.id)).toMatchObject({ status: 200, body: { created: false } });
    expect(await counts(person.id)).toEqual([1, 1]);
  });

  test.skipIf(backend === "postgres")(
    "a change at Clerk is seen by the next login (the cache exists only with Redis)",
    async () => {
      const person = await system.clerk.users.create({ firstName: "Before" });
      await untilProfile(system, person.id);
      await untilIdle(system, "sync");
      await waitFor("the cache to be filled", async () => {
        await ensure(system, person.id);
        return (await readCache(person.id))?.includes("Before") ? true : undefined;
      });
      await system.clerk.users.update(person.id, { firstName: "After" });
      await waitFor("the new name", async () => {
        const { users } = await readRows(system, person.id);
        return users[0]?.["name"] === "After" ? true : undefined;
      });
      await waitFor("the cache to be dropped", async () =>
        (await readCache(person.id))?.includes("Before") ? undefined : true,
      );
      expect(await ensure(system, person.id)).toMatchObject({ body: { user: { name: "After" } } });
    },
  );

  async function withCache<T>(use: (redis: Redis) => Promise<T>): Promise<T | undefined> {
    if (!system.redis) return undefined;
    const redis = new Redis(system.redis.url);
    try {
      return await use(redis);
    } finally {
      redis.disconnect();
    }
  }

  const readCache = (clerkId: string) => withCache((redis) => redis.get(`rollcall:session:${clerkId}`));

  const writeCache = (clerkId: string, value: string | null) =>
    withCache<unknown>((redis) =>
      value === null
        ? redis.del(`rollcall:session:${clerkId}`)
        : redis.set(`rollcall:session:${clerkId}`, value),
    );
});
