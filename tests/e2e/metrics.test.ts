import { metricTable } from "@rollcall/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { postWebhook, readRows, untilProfile } from "../harness/calls.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend });
  });
  afterAll(() => system?.stop());

  const scrape = async (url = system.apiUrl) => (await fetch(`${url}/metrics`)).text();

  /** The value of a series, named as Prometheus writes it. It is undefined when the series is missing. */
  async function read(series: string, url?: string): Promise<number | undefined> {
    const line = (await scrape(url)).split("\n").find((text) => text.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length));
  }

  const untilValue = (series: string, value: number, url?: string) =>
    waitFor(`${series} to be ${value}`, async () => ((await read(series, url)) === value ? true : undefined));

  test.each(["api", "worker"] as const)(
    "%s exposes the metrics that it fills, with their help, and no others",
    async (name) => {
      const text = await scrape(name === "api" ? system.apiUrl : system.workerUrl);
      const shown = [...text.matchAll(/^# HELP (rollcall_\w+) (.+)$/gm)].map(([, metric, help]) => [
        metric,
        help,
      ]);
      const filled = Object.entries(metricTable)
        .filter(([, entry]) => entry.in.some((process) => process === name))
        .map(([metric, entry]) => [metric, entry.help]);
      expect(shown.sort()).toEqual(filled.sort());
    },
  );

  test("a waiting job counts and its age grows, until a worker has run it", async () => {
    await system.worker.stop();
    const person = await system.clerk.users.create();
    await untilValue('rollcall_queue_jobs{queue="sync",state="waiting"}', 1);
    const age = 'rollcall_queue_oldest_unfinished_seconds{queue="sync"}';
    await waitFor("the job to be a second old", async () =>
      ((await read(age)) ?? 0) > 1 ? true : undefined,
    );
    expect(await read('rollcall_queue_oldest_unfinished_seconds{queue="ensure"}')).toBe(0);
    await untilValue("rollcall_workers", 0);
    system.worker = system.startWorker();
    await untilProfile(system, person.id);
    await untilValue('rollcall_queue_jobs{queue="sync",state="waiting"}', 0);
    await untilValue(age, 0);
    await untilValue("rollcall_workers", 1);
    expect(await read("rollcall_provision_seconds_count", system.workerUrl)).toBeGreaterThan(0);
  });

  test("dead letters count by code until they are discarded", async () => {
    await postWebhook(system, '{"type":"user.updated","data":{}}');
    await untilValue('rollcall_dead_letters{code="webhook.unreadable"}', 1);
    const { body } = await callAdmin(system, "/api/admin/dead-letters");
    const ids = (body as { items: { id: string }[] }).items.map(({ id }) => id);
    const discard = { method: "POST", body: { ids, reason: "end of the test" } };
    expect((await callAdmin(system, "/api/admin/dead-letters/discard", discard)).status).toBe(200);
    await waitFor("no series of the code", async () =>
      (await read('rollcall_dead_letters{code="webhook.unreadable"}')) === undefined ? true : undefined,
    );
    expect(await read('rollcall_dead_letters{code="other"}')).toBe(0);
    // The dead-letter queue has no gauge of its age, because dead letters wait for an operator.
    expect(await read('rollcall_queue_oldest_unfinished_seconds{queue="dead-letter"}')).toBeUndefined();
  });

  test("open conflicts count", async () => {
    await system.db.query(
      "insert into mentorados (nome_completo, email) values ('a', 'x@example.com'), ('b', 'x@example.com')",
    );
    const person = await system.clerk.users.create({ email: "x@example.com" });
    await untilProfile(system, person.id);
    await untilValue("rollcall_conflicts_open", 1);
  });

  test("a Postgres error of an admin request counts by its SQLSTATE", async () => {
    await system.db.query("alter table rollcall.conflicts rename to elsewhere");
    expect((await callAdmin(system, "/api/admin/conflicts")).status).toBe(503);
    await system.db.query("alter table rollcall.elsewhere rename to conflicts");
    // Gauges read the table too, so more than the request may have failed.
    await waitFor("the error to count", async () =>
      ((await read('rollcall_postgres_errors_total{code="42P01"}')) ?? 0) > 0 ? true : undefined,
    );
  });
});

describe("users", () => {
  test("count by state, held deletions among them", async () => {
    const system = await startSystem({ backend: "postgres" });
    const [one, two] = [await system.clerk.users.create(), await system.clerk.users.create()];
    for (const { id } of [one, two]) await untilProfile(system, id);
    await system.clerk.users.update(two.id, { banned: true });
    await waitFor("the ban", async () =>
      (await readRows(system, two.id)).users[0]?.["banned"] === true ? true : undefined,
    );
    await system.db.query("insert into rollcall.held_deletions (clerk_id) values ($1)", [one.id]);
    const readCounts = async () => {
      const text = await (await fetch(`${system.apiUrl}/metrics`)).text();
      const counts = [...text.matchAll(/^rollcall_users\{state="(\w+)"\} (\d+)$/gm)];
      return Object.fromEntries(counts.map(([, state, count]) => [state, Number(count)]));
    };
    // Counting a million users is expensive, so the counts may be a minute old.
    await expect.poll(readCounts, { timeout: 130_000 }).toEqual({ live: 1, banned: 1, deleted: 0, held: 1 });
    await system.stop();
  });
});
