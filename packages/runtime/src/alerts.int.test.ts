import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type AlertNotification, type AlertRule, alertNotification, alertRules } from "@rollcall/contracts";
import { addSamples, createPool, migrateUp, type Pool, readAlerts } from "@rollcall/db";
import { type PostgresServer, startPostgres } from "@rollcall/local-services";
import {
  createEvaluator,
  createLogger,
  createMetrics,
  createRecorder,
  listRecorded,
} from "@rollcall/observability";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createAlertStore } from "./alerts.ts";

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
  await pool.query("truncate rollcall.alerts, rollcall.samples, rollcall.leases");
  sent = [];
});

/** A process that counts and evaluates. */
function launch(options: { rules?: readonly AlertRule[]; webhookUrl?: string } = {}) {
  const { rules = [rule] } = options;
  const metrics = createMetrics("api");
  const recorder = createRecorder((samples) => addSamples(pool, samples), metrics, listRecorded(rules));
  const address = receiver.address();
  if (address === null || typeof address === "string") throw new Error("The receiver has no port");
  const evaluator = createEvaluator({
    store: createAlertStore(pool, "alerts", leaseMs),
    log: createLogger({ level: "silent", process: "test" }),
    metrics,
    gauges: [],
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
