import { type AlertView, alertRules } from "@rollcall/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { type AlertReceiver, startAlertReceiver } from "../harness/alert-receiver.ts";
import { postWebhook } from "../harness/calls.ts";
import { runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Five times what the slowest step takes, which waits until a stopped worker counts as gone. */
const longestMs = 200_000;

// One backend is enough: metrics.test.ts covers the gauges of both, and the evaluation does not depend on the backend.
describe("with queues on Postgres", { timeout: 450_000 }, () => {
  let receiver: AlertReceiver;
  let system: System;
  beforeAll(async () => {
    receiver = await startAlertReceiver();
    system = await startSystem({ backend: "postgres", environment: { ALERT_WEBHOOK_URL: receiver.url } });
  });
  afterAll(async () => {
    await system?.stop();
    await receiver?.close();
  });

  const untilStory = (alert: string, length: number) =>
    waitFor(
      `${length} notifications of ${alert}`,
      async () => (receiver.storyOf(alert).length >= length ? true : undefined),
      longestMs,
    );
  /** A process that dies between sending and storing would send again: at least once, under one id. */
  const untilStoredAsSent = (alert: string) =>
    waitFor(`${alert} to be stored as sent`, async () => {
      const stored = "select from rollcall.alerts where name = $1 and fired_sent_at = fired_at";
      return (await system.db.query(stored, [alert])).rowCount === 1 ? true : undefined;
    });
  const listAlerts = async () =>
    ((await callAdmin(system, "/api/admin/alerts")).body as { items: AlertView[] }).items;
  const stateOf = async (name: string) => (await listAlerts()).find((alert) => alert.name === name)?.state;

  async function rollcall(...args: string[]) {
    const command = runProcess("apps/cli/dist/main.js", system.environment, ["alerts", ...args]);
    return { code: await command.exited, output: command.output() };
  }

  test("every alert is evaluated, and none fires while nothing is wrong", async () => {
    const items = await waitFor(
      "every alert to be evaluated, and a worker to be known",
      async () => {
        const now = await listAlerts();
        return now.every(({ state }) => state === "ok") ? now : undefined;
      },
      longestMs,
    );
    expect(items.map(({ name }) => name)).toEqual(alertRules.map(({ name }) => name));
    expect(receiver.attempts).toEqual([]);
    expect((await rollcall()).output).toMatch(/ok +queue_memory +since/);
  });

  test("a dead letter sends one notification when it appears and one when it is gone, also after an outage of the receiver", async () => {
    receiver.refuse(true);
    await postWebhook(system, '{"type":"user.updated","data":{}}');
    const ids = await waitFor(
      "a second attempt",
      async () => {
        const attempts = receiver.attempts.filter(({ alert }) => alert === "dead_letters");
        return attempts.length >= 2 ? attempts.map(({ id }) => id) : undefined;
      },
      longestMs,
    );
    expect(new Set(ids).size).toBe(1);
    receiver.refuse(false);
    await untilStory("dead_letters", 1);
    expect(await stateOf("dead_letters")).toBe("firing");
    const shown = await rollcall();
    expect(shown).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^ {2}firing +dead_letters +since/m),
    });
    const { items } = JSON.parse((await rollcall("--json")).output) as { items: AlertView[] };
    expect(items.find(({ name }) => name === "dead_letters")).toMatchObject({ state: "firing", value: 1 });

    const letters = await callAdmin(system, "/api/admin/dead-letters");
    const discarded = (letters.body as { items: { id: string }[] }).items.map(({ id }) => id);
    const discard = { method: "POST", body: { ids: discarded, reason: "end of the test" } };
    await callAdmin(system, "/api/admin/dead-letters/discard", discard);
    await untilStory("dead_letters", 2);
    const sent = receiver.notifications.filter(({ alert }) => alert === "dead_letters");
    expect(sent).toMatchObject([
      { type: "alert.fired", alert: "dead_letters", severity: "ticket", value: 1, resolvedAt: null },
      { type: "alert.resolved", alert: "dead_letters", runbook: "docs/RUNBOOK.md#dead_letters" },
    ]);
    const log = system.api.output() + system.worker.output();
    for (const event of ["alert_fired", "alert_resolved"]) {
      expect(log.split(`"event":"${event}","alert":"dead_letters"`)).toHaveLength(2);
    }
  });

  test("the api sends the alert that no worker runs, and sends its recovery when workers are back", async () => {
    await system.worker.stop();
    await untilStory("no_worker", 1);
    system.worker = system.startWorker();
    await untilStory("no_worker", 2);
    expect(receiver.storyOf("no_worker")).toEqual(["alert.fired", "alert.resolved"]);
  });

  test("after api and worker were killed, their successors send no alert again", async () => {
    await postWebhook(system, '{"type":"user.deleted","data":{}}');
    await untilStory("dead_letters", 3);
    await untilStoredAsSent("dead_letters");
    await Promise.all([system.api.stop("SIGKILL"), system.worker.stop("SIGKILL")]);
    // The lease of the killed evaluator would expire after a minute.
    await system.db.query("update rollcall.leases set expires_at = now() where name = 'alerts'");
    system.api = system.startApi();
    system.worker = system.startWorker();
    await system.untilReady();
    const evaluatedAt = async () => (await listAlerts()).map((alert) => alert.evaluatedAt).join();
    const before = await evaluatedAt();
    await waitFor(
      "a new evaluator",
      async () => ((await evaluatedAt()) === before ? undefined : true),
      longestMs,
    );
    expect(receiver.storyOf("dead_letters")).toEqual(["alert.fired", "alert.resolved", "alert.fired"]);
  });

  test("the list needs the password, and the command takes no arguments", async () => {
    expect((await fetch(`${system.apiUrl}/api/admin/alerts`)).status).toBe(401);
    const { code, output } = await rollcall("now");
    expect(code).toBe(2);
    expect(output).toContain("Too many arguments");
  });
});

describe("without a running api or worker", () => {
  test("rollcall alerts says that no process has evaluated the alerts", async () => {
    const system = await startSystem({ backend: "postgres" });
    await Promise.all([system.api.stop(), system.worker.stop()]);
    await system.db.query("truncate rollcall.alerts");
    const command = runProcess("apps/cli/dist/main.js", system.environment, ["alerts"]);
    expect(await command.exited).toBe(0);
    expect(command.output()).toContain("No process has evaluated the alerts yet");
    await system.stop();
  });
});
