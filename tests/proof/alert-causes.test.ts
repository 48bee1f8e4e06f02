import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { type AlertDrill, startAlertDrill } from "../harness/alert-drill.ts";
import { startAlertReceiver } from "../harness/alert-receiver.ts";
import { callEnsure, ensure, postWebhook, untilProfile } from "../harness/calls.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

const redisBinary = inject("redisBinary");
const backend = redisBinary ? "redis" : "postgres";
const once = ["alert.fired", "alert.resolved"];

// The alert dead_letters is not here: alerts.test.ts makes its cause happen, with the production rules.
describe("each alert fires once when its cause happens, and recovers once the cause is gone", () => {
  let system: System;
  let drill: AlertDrill | undefined;
  beforeAll(async () => {
    system = await startSystem({ backend, environment: { RECONCILE_CATCHUP_EVERY_MS: "15000" } });
    // One user stays for all tests, because an empty list of Clerk counts as a fault.
    await signUp(1, { silent: true });
    await runFullSync();
  });
  afterEach(async () => {
    await drill?.stop();
    drill = undefined;
    await system.clerk.faults.heal();
  });
  afterAll(() => system?.stop());

  const signUp = (count: number, options: { silent: boolean }) =>
    Promise.all(Array.from({ length: count }, () => system.clerk.users.create({}, options)));

  /** Requests a full sync, or joins the running one. @returns its id, once it has ended */
  async function runFullSync(): Promise<number> {
    const started = await callAdmin(system, "/api/admin/reconcile", { method: "POST", body: {} });
    const { runId } = started.body as { runId: number };
    await waitFor("the run to be over", async () => {
      const { body } = await callAdmin(system, `/api/admin/runs/${runId}`);
      return ["succeeded", "held"].includes((body as { state: string }).state) ? true : undefined;
    });
    return runId;
  }

  test("postgres_errors, creation_failures, failed_syncs, creation_slow, api_slow, sign_ups_unusual", async () => {
    const names = [
      "postgres_errors",
      "creation_failures",
      "failed_syncs",
      "creation_slow",
      "api_slow",
      "sign_ups_unusual",
    ] as const;
    drill = await startAlertDrill(system, names, {
      creation_slow: { above: 1 },
      api_slow: { above: 1 },
      // A slow machine spreads these sign-ups over more than one window. Over an hour they are still unusual.
      sign_ups_unusual: { beforeS: 3_600 },
    });

    await system.db.query("alter table rollcall.conflicts rename to elsewhere");
    for (let call = 0; call < 6; call++) await callAdmin(system, "/api/admin/conflicts");
    await system.db.query("alter table rollcall.elsewhere rename to conflicts");

    await system.db.query("alter table users add constraint no_poison check (email not like 'poison%')");
    await system.clerk.faults.add({ kind: "latency", ms: 1_500 });
    await signUp(120, { silent: false });
    const logins = await signUp(30, { silent: true });
    const poisoned = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        system.clerk.users.create({ email: `poison${index}@example.com` }, { silent: true }),
      ),
    );
    await Promise.all([...logins, ...poisoned].map(({ id }) => ensure(system, id)));
    for (const name of names) await drill.untilFired(name);

    await system.clerk.faults.heal();
    await system.db.query("alter table users drop constraint no_poison");
    for (const name of names) await drill.untilResolved(name);
    expect(names.map((name) => [name, drill?.storyOf(name)])).toEqual(names.map((name) => [name, once]));
  }, 400_000);

  test("logins_refused", async () => {
    drill = await startAlertDrill(system, ["logins_refused"]);
    const people = await signUp(40, { silent: false });
    for (const { id } of people) await untilProfile(system, id);
    const refuse = async ({ id }: { id: string }) => {
      const token = await system.clerk.sessions.mintToken({ userId: id, azp: "https://old.example.com" });
      return callEnsure(system, { authorization: `Bearer ${token}` });
    };
    await Promise.all(people.map(refuse));
    await drill.untilFired("logins_refused");
    await Promise.all([...people, ...people].map(({ id }) => ensure(system, id)));
    await drill.untilResolved("logins_refused");
    expect(drill.storyOf("logins_refused")).toEqual(once);
  });

  test("queue_stalled and no_worker", async () => {
    const names = ["queue_stalled", "no_worker"] as const;
    drill = await startAlertDrill(system, names, { queue_stalled: { above: 3 } });
    await system.worker.stop();
    const [person] = await signUp(1, { silent: false });
    for (const name of names) await drill.untilFired(name);
    system.worker = system.startWorker();
    for (const name of names) await drill.untilResolved(name);
    await untilProfile(system, person?.id ?? "");
    expect(names.map((name) => drill?.storyOf(name))).toEqual([once, once]);
  });

  test("deletions_held", async () => {
    const people = await signUp(8, { silent: false });
    for (const { id } of people) await untilProfile(system, id);
    drill = await startAlertDrill(system, ["deletions_held"]);
    for (const { id } of people) await system.clerk.users.delete(id, { silent: true });
    const runId = await runFullSync();
    await drill.untilFired("deletions_held");
    await callAdmin(system, `/api/admin/runs/${runId}/confirm-deletions`, { method: "POST" });
    await drill.untilResolved("deletions_held");
    expect(drill.storyOf("deletions_held")).toEqual(once);
  });

  test("reconcile_overdue", async () => {
    drill = await startAlertDrill(system, ["reconcile_overdue"], { reconcile_overdue: { above: 5 } });
    await drill.untilFired("reconcile_overdue");
    await runFullSync();
    await drill.untilResolved("reconcile_overdue");
    expect(drill.storyOf("reconcile_overdue")).toEqual(once);
  });

  test("webhooks_silent", async () => {
    drill = await startAlertDrill(system, ["webhooks_silent"], { webhooks_silent: { windowS: 5 } });
    await waitFor(
      "the catch-up to find users without a webhook",
      async () => {
        await signUp(5, { silent: true });
        return drill?.storyOf("webhooks_silent").length ? true : undefined;
      },
      150_000,
    );
    await signUp(1, { silent: false });
    await drill.untilResolved("webhooks_silent");
    expect(drill.storyOf("webhooks_silent")).toEqual(once);
  });

  test.skipIf(!redisBinary)(
    `queue_memory${redisBinary ? "" : " (skipped: no redis-server on PATH)"}`,
    async () => {
      drill = await startAlertDrill(system, ["queue_memory"]);
      const used = Number(/used_memory:(\d+)/.exec(await callRedis("INFO memory"))?.[1]);
      await callRedis(`CONFIG SET maxmemory ${Math.round(used * 1.2)}`);
      await drill.untilFired("queue_memory");
      await callRedis("CONFIG SET maxmemory 0");
      await drill.untilResolved("queue_memory");
      expect(drill.storyOf("queue_memory")).toEqual(once);
    },
  );

  async function callRedis(command: string): Promise<string> {
    const redis = new Redis(system.redis?.url ?? "");
    const [name = "", ...args] = command.split(" ");
    const answer = await redis.call(name, ...args);
    redis.disconnect();
    return String(answer);
  }
});

describe("while Postgres is gone", () => {
  test.skipIf(!redisBinary)(
    `its alert is sent${redisBinary ? "" : " (skipped: no redis-server on PATH)"}`,
    async () => {
      const receiver = await startAlertReceiver();
      const system = await startSystem({
        backend: "redis",
        environment: { ALERT_WEBHOOK_URL: receiver.url },
      });
      await waitFor("an evaluator", async () => {
        const evaluated = await system.db.query("select from rollcall.alerts");
        return evaluated.rows.length > 0 ? true : undefined;
      });
      const person = await system.clerk.users.create({}, { silent: true });
      await system.postgres.stop("immediate");
      await waitFor(
        "the alert",
        async () => {
          await Promise.all([ensure(system, person.id), postWebhook(system, changeOf(person.id))]);
          return receiver.storyOf("postgres_errors").length > 0 ? true : undefined;
        },
        120_000,
      );
      await system.restartPostgres();
      await untilProfile(system, person.id);
      await system.untilReady();
      const sent = receiver.storyOf("postgres_errors");
      await waitFor("an evaluator that can write again", async () => {
        const found = await system.db.query(
          "select from rollcall.alerts where name = 'postgres_errors' and state = 'firing' and fired_sent_at = fired_at",
        );
        return found.rows.length > 0 ? true : undefined;
      });
      expect(sent).toEqual(["alert.fired"]);
      await system.stop();
      await receiver.close();
    },
    300_000,
  );
});

function changeOf(clerkId: string): string {
  return JSON.stringify({
    type: "user.updated",
    data: { id: clerkId },
    object: "event",
    timestamp: Date.now(),
  });
}
