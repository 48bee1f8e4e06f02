import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AlertReceiver, startAlertReceiver } from "../harness/alert-receiver.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { readDeadLetters } from "../harness/calls.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

// ROLLCALL_LARGE_TESTS=true makes the outage three minutes long, so that alerts fire too. With both backends that takes
// a quarter of an hour. alert-causes.test.ts covers alerts in every run.
const isLong = process.env["ROLLCALL_LARGE_TESTS"] === "true";
const outageSeconds = isLong ? 180 : 20;
const signUpsPerSecond = 50;
/** While the queue is gone, no webhook is accepted. Svix' next attempt may come 180 s after the outage has ended. */
const timeoutMs = 300_000;

describeOnBackends((backend) => {
  let receiver: AlertReceiver;
  let system: System;
  beforeAll(async () => {
    receiver = await startAlertReceiver();
    system = await startSystem({ backend, environment: { ALERT_WEBHOOK_URL: receiver.url } });
  });
  afterAll(async () => {
    await system?.stop();
    await receiver?.close();
  });

  /** Creates fifty users a second. Clerk resends each webhook until it is accepted. @returns their ids */
  async function signUpFor(ms: number): Promise<string[]> {
    const ids: string[] = [];
    const began = Date.now();
    while (Date.now() - began < ms) {
      const due = Math.floor(((Date.now() - began) / 1_000) * signUpsPerSecond);
      const people = await Promise.all(
        Array.from({ length: due - ids.length }, () => system.clerk.users.create()),
      );
      ids.push(...people.map(({ id }) => id));
      await sleep(100);
    }
    return ids;
  }

  async function untilAllServed(ids: readonly string[]): Promise<void> {
    await waitFor(
      `${ids.length} profiles`,
      async () => {
        const served = await system.db.query<{ count: number }>(
          `select count(*)::int from users u join mentorados m on m.user_id = u.id where u.clerk_id = any ($1)`,
          [ids],
        );
        return served.rows[0]?.count === ids.length ? true : undefined;
      },
      timeoutMs,
    );
    expect(await readDeadLetters(system)).toEqual([]);
  }

  const untilStory = (alert: string, types: readonly string[]) =>
    waitFor(
      `${alert} to be ${types.at(-1)}`,
      async () => (receiver.storyOf(alert).length >= types.length ? true : undefined),
      timeoutMs,
    ).then(() => expect([alert, receiver.storyOf(alert)]).toEqual([alert, types]));

  test(`Clerk answers 500 for ${outageSeconds} seconds: every user gets a profile, and there is no dead letter`, async () => {
    await system.clerk.faults.add({ kind: "status", status: 500 });
    const ids = await signUpFor(outageSeconds * 1_000);
    if (isLong) await untilStory("queue_stalled", ["alert.fired"]);
    await system.clerk.faults.heal();
    await untilAllServed(ids);
    if (isLong) await untilStory("queue_stalled", ["alert.fired", "alert.resolved"]);
  }, 600_000);

  test(`Postgres is gone for ${outageSeconds} seconds: every user gets a profile, and there is no dead letter`, async () => {
    const before = receiver.storyOf("queue_stalled");
    await system.postgres.stop("immediate");
    const ids = await signUpFor(outageSeconds * 1_000);
    await system.restartPostgres();
    await untilAllServed(ids);
    if (!isLong) return;
    // With queues on Postgres, the age of a job is unknown while Postgres is gone, so queue_stalled does not fire.
    await untilStory("postgres_errors", ["alert.fired"]);
    if (backend === "redis") await untilStory("queue_stalled", [...before, "alert.fired", "alert.resolved"]);
  }, 600_000);
});
