import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type AlertNotification, type AlertRule, alertNotification, alertRules } from "@rollcall/contracts";
import {
  addSamples,
  createPool,
  listFirings,
  migrateUp,
  type Pool,
  pruneSamples,
  readAlerts,
  readDelivery,
  readLastDeliveries,
  readPeaks,
} from "@rollcall/db";
import { type PostgresServer, startPostgres } from "@rollcall/local-services";
import {
  createEvaluator,
  createLogger,
  createMetrics,
  createRecorder,
  type GaugeReader,
  listRecorded,
} from "@rollcall/observability";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createAlertStore, queueAgeGauge } from "./alerts.ts";

const rule: AlertRule = {
  name: "postgres_errors",
  severity: "page",
  summary: "Postgres fails.",
  when: { kind: "count", of: { metric: "rollcall_postgres_errors_total" }, windowS: 600, above: 5 },
  forS: 0,
};
const leaseMs = 500;
/** Far longer than a restart of Postgres takes. */
const graceMs = 120_000;

let folder: string;
let postgres: PostgresServer;
let pool: Pool;
let sent: AlertNotification[] = [];
const receiver = createServer(async (request, response) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  sent.push(alertNotification.parse(JSON.parse(text)));
  response.end();
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rollcall-alerts-"));
  postgres = await startPostgres({ dataDir: join(folder, "postgres"), settings: { fsync: "off" } });
  pool = createPool({
    databaseUrl: postgres.url,
    applicationName: "test",
    searchPath: "public",
    onIdleError: () => undefined,
  });
  await migrateUp(pool);
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  receiver.close();
  receiver.closeAllConnections();
  await pool.end();
  await postgres.stop("immediate");
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await pool.query(
    "truncate rollcall.alerts, rollcall.alert_firings, rollcall.alert_delivery, rollcall.samples, rollcall.leases",
  );
  sent = [];
});

/** A process that counts and evaluates. */
function launch(
  options: { rules?: readonly AlertRule[]; webhookUrl?: string; gauges?: readonly GaugeReader[] } = {},
) {
  const { rules = [rule] } = options;
  const metrics = createMetrics("api");
  const recorder = createRecorder((samples) => addSamples(pool, samples), metrics, listRecorded(rules));
  const address = receiver.address();
  if (address === null || typeof address === "string") throw new Error("The receiver has no port");
  const evaluator = createEvaluator({
    store: createAlertStore(pool, "alerts", leaseMs),
    log: createLogger({ level: "silent", process: "test" }),
    metrics,
    gauges: options.gauges ?? [],
    recorder,
    rules,
    graceMs,
    webhookUrl: options.webhookUrl ?? `http://127.0.0.1:${address.port}`,
  });
  return {
    fail: (times: number) => metrics.count("rollcall_postgres_errors_total", { code: "connection" }, times),
    turn: async () => {
      await recorder.flush().catch(() => undefined);
      await evaluator.turn();
    },
    close: () => evaluator.close(),
  };
}

/** A gauge whose value the test sets, and an alert that follows it. */
function makeGauge() {
  const gauge = { value: 1 };
  const read: GaugeReader = async () => [{ name: "rollcall_workers", labels: {}, value: gauge.value }];
  const follows: AlertRule = {
    name: "no_worker",
    severity: "page",
    summary: "No worker.",
    when: { kind: "gauge", of: { metric: "rollcall_workers" }, take: "max", below: 1 },
    forS: 0,
  };
  return { gauge, options: { rules: [follows], gauges: [read] } };
}

const types = () => sent.map(({ type }) => type);
const readStored = async () => (await readAlerts(pool, [rule.name]))[0];

async function restartPostgres(): Promise<void> {
  postgres = await startPostgres({
    dataDir: join(folder, "postgres"),
    settings: { fsync: "off" },
    port: postgres.port,
  });
}

test("the counts of several processes are evaluated together, by one process", async () => {
  const [one, two] = [launch(), launch()];
  one.fail(3);
  two.fail(3);
  for (const turn of [1, 2, 3]) await Promise.all([one.turn(), two.turn(), turn]);
  expect(types()).toEqual(["alert.fired"]);
  expect(sent[0]?.value).toBe(6);
  expect(await readStored()).toMatchObject({ state: "firing", value: 6 });
  await Promise.all([one.close(), two.close()]);
});

test("a notification sent while Postgres was away is sent once, whichever process reconnects first", async () => {
  const [holder, other] = [launch(), launch()];
  await holder.turn();
  await other.turn();
  await postgres.stop("immediate");
  holder.fail(6);
  await Promise.all([holder.turn(), other.turn()]);
  expect(types()).toEqual(["alert.fired"]);
  await restartPostgres();
  await sleep(leaseMs);
  await other.turn();
  await holder.turn();
  await other.turn();
  expect(types()).toEqual(["alert.fired"]);
  const stored = await readStored();
  expect(stored).toMatchObject({ state: "firing" });
  expect(stored?.firedSentAt).toEqual(stored?.firedAt);
  await Promise.all([holder.close(), other.close()]);
});

test("another process evaluates when the holder is gone, and sends no notification again", async () => {
  const [first, second] = [launch(), launch()];
  first.fail(6);
  await first.turn();
  await second.turn();
  expect(types()).toEqual(["alert.fired"]);
  const before = await readStored();
  await sleep(leaseMs);
  await second.turn();
  const after = await readStored();
  expect(after?.evaluatedAt.getTime()).toBeGreaterThan(before?.evaluatedAt.getTime() ?? 0);
  expect(types()).toEqual(["alert.fired"]);
  await second.close();
});

test("alerts that are not delivered are an alert themselves", async () => {
  const unsent = alertRules.filter(({ name }) => name === "alerts_unsent");
  // Port 2 is no port that fetch refuses, and nothing listens there.
  const lonely = launch({ rules: [rule, ...unsent], webhookUrl: "http://127.0.0.1:2/hook" });
  lonely.fail(6);
  const readState = async () => (await readAlerts(pool, ["alerts_unsent"]))[0]?.state;
  for (let turn = 0; turn < 6; turn++) await lonely.turn();
  expect(await readState()).toBe("ok");
  await lonely.turn();
  expect(await readState()).toBe("firing");
  await lonely.close();
});

test("every firing stays in the history with its end, also one while Postgres was away", async () => {
  const { gauge, options } = makeGauge();
  const holder = launch(options);
  const set = async (...values: number[]) => {
    for (const value of values) {
      gauge.value = value;
      await holder.turn();
    }
  };
  await set(0, 1);
  await postgres.stop("immediate");
  await set(0, 1, 0, 1, 0);
  await restartPostgres();
  await sleep(leaseMs);
  await set(0);
  const readHistory = async () =>
    (await listFirings(pool, { cursor: undefined, limit: 10 })).items.map(
      ({ value, resolvedAt }) => [value, resolvedAt !== null] as const,
    );
  expect(await readHistory()).toEqual([
    [0, false],
    [0, true],
    [0, true],
    [0, true],
  ]);
  await holder.close();
  // The next holder of the lease ends the firing that it found.
  const next = launch(options);
  gauge.value = 1;
  await next.turn();
  expect(await readHistory()).toEqual(Array(4).fill([0, true]));
  await next.close();
});

test("the delivery keeps the host, the last success and the last failure, and no part of the path", async () => {
  const token = "a-token-in-the-path";
  const { gauge, options } = makeGauge();
  const away = launch({ ...options, webhookUrl: `http://127.0.0.1:2/${token}?key=${token}` });
  await away.turn();
  expect(await readDelivery(pool)).toEqual({
    host: "127.0.0.1:2",
    lastSentAt: null,
    lastFailedAt: null,
    lastFailureCode: null,
  });
  gauge.value = 0;
  await away.turn();
  const failed = { lastSentAt: null, lastFailedAt: expect.any(Date), lastFailureCode: "ECONNREFUSED" };
  expect(await readDelivery(pool)).toMatchObject(failed);
  const { rows } = await pool.query("select * from rollcall.alert_delivery");
  expect(JSON.stringify(rows)).not.toContain(token);
  await away.close();
  const works = launch(options);
  await works.turn();
  expect(await readDelivery(pool)).toMatchObject({ lastSentAt: expect.any(Date), lastFailedAt: null });
  await works.close();
});

test("the last signed delivery of an event type outlives the other counts", async () => {
  const count = (type: string, outcome: string) => ({
    metric: "rollcall_webhooks_total",
    labels: { type, outcome },
    value: 1,
  });
  const before = [count("user.created", "accepted"), count("user.deleted", "accepted")];
  await addSamples(pool, [...before, { metric: "rollcall_ensure_total", labels: {}, value: 1 }]);
  await pool.query("update rollcall.samples set at = at - interval '30 days'");
  await addSamples(pool, [count("user.created", "accepted"), count("user.updated", "refused")]);
  await pruneSamples(pool, 26);
  const found = await readLastDeliveries(pool);
  const days = found.map(({ type, lastAt }) => [
    type,
    Math.floor((Date.now() - lastAt.getTime()) / 86_400_000),
  ]);
  expect(days).toEqual([
    ["user.created", 0],
    ["user.deleted", 30],
  ]);
  const { rows } = await pool.query(
    "select count(*)::int as old from rollcall.samples where at < now() - interval '1 day'",
  );
  expect(rows).toEqual([{ old: 1 }]);
});

test("the highest age of a queue in each span of time is kept", async () => {
  let ageS = 0;
  const age: GaugeReader = async () => [{ name: queueAgeGauge, labels: { queue: "sync" }, value: ageS }];
  const holder = launch({ gauges: [age] });
  for (ageS of [3, 9, 1]) await holder.turn();
  expect((await readPeaks(pool, { metric: queueAgeGauge, hours: 1, stepS: 86_400 })).at(-1)?.value).toBe(9);
  await holder.close();
});
