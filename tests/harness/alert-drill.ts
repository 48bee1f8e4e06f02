import { setTimeout as sleep } from "node:timers/promises";
import { type AlertCondition, type AlertRule, alertRules } from "@rollcall/contracts";
import { createPool } from "@rollcall/db";
import { openQueueBackend } from "@rollcall/jobs";
import { createEvaluator, createLogger } from "@rollcall/observability";
import { createAlertStore, createGaugeReaders } from "@rollcall/runtime";
import { type AlertReceiver, startAlertReceiver } from "./alert-receiver.ts";
import type { System } from "./system.ts";
import { waitFor } from "./wait-for.ts";

type RuleName = (typeof alertRules)[number]["name"];

/** Rules judged over what a running system counts, beside its own judge and much more impatiently. */
export type AlertDrill = {
  untilFired(name: RuleName): Promise<void>;
  untilResolved(name: RuleName): Promise<void>;
  /** What was told of an alert, in order. */
  storyOf(name: RuleName): string[];
  stop(): Promise<void>;
};

/** Half a minute: the width of a slice is added to it. */
const windowS = 30;
const retryForMs = 150_000;
let drills = 0;

/**
 * @param bounds conditions with bounds of their own, for what would take long to reach
 */
export async function startAlertDrill(
  system: System,
  names: readonly RuleName[],
  bounds: Partial<Record<RuleName, Partial<AlertCondition>>> = {},
): Promise<AlertDrill> {
  const receiver = await startAlertReceiver();
  const backend = openQueueBackend({
    redisNodes: system.redis && [system.redis.url],
    databaseUrl: system.postgres.url,
    onError: () => undefined,
  });
  // A name and a lease of its own, so that the system's own judge is not in the way.
  const prefix = `drill${++drills}_`;
  const pool = createPool({
    databaseUrl: system.postgres.url,
    applicationName: "drill",
    onIdleError: () => undefined,
  });
  const evaluator = createEvaluator({
    store: createAlertStore(pool, `${prefix}alerts`, 60_000),
    log: createLogger({ level: "silent", process: "drill" }),
    metrics: { count: () => undefined },
    gauges: createGaugeReaders(pool, backend),
    recorder: { pending: async () => [] },
    rules: alertRules.filter(({ name }) => names.includes(name)).map((rule) => hurry(rule, prefix, bounds)),
    graceMs: 0,
    webhookUrl: receiver.url,
  });
  const stopping = new AbortController();
  const running = turnUntil(stopping.signal, () => evaluator.turn());
  const storyOf = (name: RuleName) => receiver.storyOf(`${prefix}${name}`);
  const until = (name: RuleName, length: number) =>
    waitFor(
      `notification ${length} of ${name}`,
      async () => (storyOf(name).length >= length ? true : undefined),
      retryForMs,
    );
  return {
    untilFired: async (name) => void (await until(name, 1)),
    untilResolved: async (name) => void (await until(name, 2)),
    storyOf,
    stop: () =>
      end(stopping, running, async () => void (await Promise.all([backend.close(), receiver.close()]))),
  };
}

/** The same rule with short times: they are data. */
function hurry(
  rule: AlertRule,
  prefix: string,
  bounds: Partial<Record<string, Partial<AlertCondition>>>,
): AlertRule {
  const short = {
    ...("windowS" in rule.when ? { windowS } : {}),
    ...("beforeS" in rule.when ? { beforeS: 4 * windowS } : {}),
    ...bounds[rule.name],
  };
  // Of the same kind as before: only numbers were changed.
  const when = { ...rule.when, ...short } as AlertCondition;
  return { ...rule, name: `${prefix}${rule.name}`, when, forS: Math.min(rule.forS, 1) };
}

async function turnUntil(signal: AbortSignal, turn: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await turn();
    await sleep(300, undefined, { signal }).catch(() => undefined);
  }
}

async function end(
  stopping: AbortController,
  running: Promise<void>,
  close: AlertReceiver["close"],
): Promise<void> {
  stopping.abort();
  await running;
  await close();
}
