import { setTimeout as sleep } from "node:timers/promises";
import { type AlertCondition, type AlertRule, alertRules } from "@rollcall/contracts";
import { createPool } from "@rollcall/db";
import { createEvaluator, createLogger } from "@rollcall/observability";
import { createAlertStore, createGaugeReaders, openQueueBackend } from "@rollcall/runtime";
import { type AlertReceiver, startAlertReceiver } from "./alert-receiver.ts";
import type { System } from "./system.ts";
import { waitFor } from "./wait-for.ts";

type RuleName = (typeof alertRules)[number]["name"];

/** Evaluates alert rules over the metrics of a running system, beside its own evaluator and with much shorter times. */
export type AlertDrill = {
  untilFired(name: RuleName): Promise<void>;
  untilResolved(name: RuleName): Promise<void>;
  /** The types of the notifications about an alert, in order. */
  storyOf(name: RuleName): string[];
  stop(): Promise<void>;
};

/** Half a minute. The evaluator adds the width of a slice to it. */
const windowS = 30;
const timeoutMs = 150_000;
let drills = 0;

/** @param bounds overrides of conditions that the system would take long to reach */
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
  // The drill has a name and a lease of its own, so that it and the system's own evaluator run side by side.
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
      timeoutMs,
    );
  return {
    untilFired: async (name) => void (await until(name, 1)),
    untilResolved: async (name) => void (await until(name, 2)),
    storyOf,
    stop: () =>
      end(stopping, running, async () => void (await Promise.all([backend.close(), receiver.close()]))),
  };
}

/** Returns the same rule with short times. */
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
  // The kind of the condition is unchanged, because only its numbers were replaced.
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
