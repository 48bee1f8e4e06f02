import { afterAll, beforeAll, expect, test } from "vitest";
import { describeOnBackends } from "../harness/backends.ts";
import { ensure, postWebhook, readDeadLetters, untilProfile } from "../harness/calls.ts";
import { findInPostgres, findInRedis } from "../harness/find-words.ts";
import { type OtlpReceiver, startOtlpReceiver, telemetryTo } from "../harness/otlp-receiver.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Words that none of our code contains. If one of them appears anywhere, personal data leaked. */
const name = "Canaria Serinus";
const email = "canary.serinus@example.com";
const canary = /canar|serinus/i;

describeOnBackends((backend) => {
  let collector: OtlpReceiver;
  let system: System;
  beforeAll(async () => {
    collector = await startOtlpReceiver();
    system = await startSystem({ backend, environment: { LOG_LEVEL: "trace", ...telemetryTo(collector) } });
  });
  afterAll(async () => {
    await system?.stop();
    await collector?.close();
  });

  test("no email and no name is in jobs, dead letters, logs, metrics or telemetry, also when jobs fail", async () => {
    const [firstName, lastName] = name.split(" ") as [string, string];
    const person = await system.clerk.users.create({ firstName, lastName, email });
    await untilProfile(system, person.id);
    await ensure(system, person.id);
    await system.clerk.users.update(person.id, { firstName: "Canarinha" });
    await postWebhook(system, `{"type":"user.created","data":{"email":"${email}","name":"${name}"}}`);
    await postWebhook(system, `{"email":"${email}"`);
    await fetch(`${system.apiUrl}/api/ensure?email=${email}`, { method: "POST" });
    await fetch(`${system.apiUrl}/${encodeURIComponent(email)}`);
    await failOn(system, email);

    const logs = system.api.output() + system.worker.output();
    const metrics = await Promise.all(
      [system.apiUrl, system.workerUrl].map(async (url) => (await fetch(`${url}/metrics`)).text()),
    );
    expect(logs).toContain(person.id);
    expect(logs.split("\n").filter((line) => canary.test(line))).toEqual([]);
    expect(metrics.join("\n").match(canary)).toBeNull();
    expect(await findInQueues(system)).toEqual([]);

    await waitFor("spans of the poisoned job", async () =>
      collector.spans.some(({ name, status }) => name === "process ensure" && status.code === 2)
        ? true
        : undefined,
    );
    const sent = collector.texts.join("\n");
    expect(sent).toContain(person.id);
    expect(sent.match(canary)).toBeNull();
    // Lines name users by their ids. Spans name no user, and hold no token and no query.
    const spans = JSON.stringify(collector.spans);
    expect(spans).not.toContain(person.id);
    expect(spans).not.toMatch(/bearer|eyJ|whsec_|sk_test_|user_id=|\$1/i);
    for (const kind of ["spans", "lines"] as const) expect(collector[kind].length).toBeGreaterThan(0);
    expect(collector.metrics.has("worker rollcall_provision_total")).toBe(true);
  });

  /** Makes a user fail with an error in which Postgres quotes the row. */
  async function failOn(system: System, address: string): Promise<void> {
    await system.db.query(
      `alter table users add constraint app_rule check (email is distinct from '${address}') not valid`,
    );
    const poison = await system.clerk.users.create({ email: address, firstName: name }, { silent: true });
    await ensure(system, poison.id);
    await waitFor(
      "the dead letter",
      async () =>
        (await readDeadLetters(system)).some((letter) => letter.includes(poison.id)) ? true : undefined,
      120_000,
    );
    expect((await readDeadLetters(system)).filter((letter) => canary.test(letter))).toEqual([]);
  }

  /** Lists everything in the queues' database that names the person, except the keys of the session cache. */
  async function findInQueues(system: System): Promise<string[]> {
    if (!system.redis) return findInPostgres(system, canary, ["bullmq", "rollcall"]);
    const found = await findInRedis(system.redis.url, canary);
    return found.filter((entry) => !entry.startsWith("rollcall:session:"));
  }
});
