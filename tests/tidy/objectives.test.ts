import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { objectives } from "../../build/ops/objectives.ts";
import { writePrometheusRules } from "../../build/ops/prometheus-rules.ts";
import { abovePerSecond } from "../../build/ops/promql.ts";
import { hasPromtool, orSkipped, runPromtool, writeForPromtool } from "./promtool.ts";

/** Samples of series, one a minute, in promtool's notation. */
type Series = Readonly<Record<string, string>>;

/** A counter that grows by so much a minute, for so many minutes, part after part. */
function count(...parts: readonly { perMinute: number; minutes: number }[]): string {
  let value = 0;
  const written = parts.map(({ perMinute, minutes }) => {
    const first = value + perMinute;
    value += perMinute * minutes;
    return `${first}+${perMinute}x${minutes - 1}`;
  });
  return written.join(" ");
}

const during = (minutes: number, perMinute: number) => ({ perMinute, minutes });
/** An hour as it should be, and then something else. */
const [usual, then] = [60, 40];
const always = (perMinute: number) => count(during(usual + then, perMinute));
const until = (perMinute: number, later = 0) => count(during(usual, perMinute), during(then, later));
const from = (perMinute: number) => until(0, perMinute);

/** Ensure calls by result; slow: those of more than 2 s. */
const logins = (calls: { ready: string; pending?: string; quick: string; all: string }): Series => ({
  'rollcall_ensure_total{outcome="ready"}': calls.ready,
  ...(calls.pending && { 'rollcall_ensure_total{outcome="pending"}': calls.pending }),
  'rollcall_ensure_seconds_bucket{path="queue",le="2"}': calls.quick,
  'rollcall_ensure_seconds_count{path="queue"}': calls.all,
});
const everyPending = { ready: until(30), pending: from(30), quick: until(30), all: always(30) };

const paging = ["page 1h", "page 6h", "ticket 1d", "ticket 3d"];
const quiet = ["ticket 1d", "ticket 1h", "ticket 3d", "ticket 6h"];

type Scenario = {
  name: string;
  objective: string;
  series: Series;
  /** The firing alerts of the objective at a minute: severity and long window. */
  firing: Readonly<Record<number, readonly string[]>>;
};

const scenarios: readonly Scenario[] = [
  {
    name: "all logins are ready in time: nothing fires",
    objective: "login",
    series: logins({ ready: always(30), pending: always(0), quick: always(30), all: always(30) }),
    firing: { 9: [], 98: [] },
  },
  {
    name: "logins turn pending: the fast burn pages, and ends minutes after them",
    objective: "login",
    series: logins({
      ready: count(during(usual, 30), during(20, 0), during(20, 30)),
      pending: count(during(usual, 0), during(20, 30), during(20, 0)),
      quick: count(during(usual, 30), during(20, 0), during(20, 30)),
      all: always(30),
    }),
    firing: { 55: [], 78: paging, 90: ["page 6h", "ticket 1d", "ticket 3d"] },
  },
  {
    name: "one login in forty is late: no page, but an alert",
    objective: "login",
    series: logins({ ready: always(39), pending: always(1), quick: always(39), all: always(40) }),
    firing: { 98: ["ticket 3d"] },
  },
  {
    name: "ready, but after more than 2 s, where ENSURE_TIMEOUT_MS allows it",
    objective: "login",
    series: logins({ ready: always(30), quick: until(30), all: always(30) }),
    firing: { 55: [], 78: paging },
  },
  {
    name: "quick errors count, also without any histogram and any success",
    objective: "login",
    series: { 'rollcall_ensure_total{outcome="postgres.unavailable"}': always(30) },
    firing: { 40: paging },
  },
  {
    name: "refused logins are no failure of Rollcall's",
    objective: "login",
    series: {
      ...logins({ ready: always(1), quick: always(60), all: always(60) }),
      'rollcall_ensure_total{outcome="user.banned"}': always(59),
      'rollcall_ensure_total{outcome="unauthenticated.signature"}': always(600),
    },
    firing: { 98: [] },
  },
  {
    name: "fewer than 20 logins in the window say nothing",
    objective: "login",
    series: logins({ ready: always(0), pending: always(0.08), quick: always(0), all: always(0.08) }),
    firing: { 98: [] },
  },
  {
    name: "counters that stand still",
    objective: "login",
    series: logins({ ready: "700x100", pending: "300x100", quick: "700x100", all: "1000x100" }),
    firing: { 40: [], 98: [] },
  },
  { name: "no series", objective: "login", series: { up: "1x100" }, firing: { 40: [], 98: [] } },
  {
    name: "a page ends with the traffic, and the other alerts last as long as their short windows",
    objective: "login",
    series: logins({ ...everyPending, pending: `${from(30)} 1200x60`, all: `${always(30)} _x60` }),
    firing: { 78: paging, 150: ["ticket 1d", "ticket 3d"] },
  },
  {
    name: "a counter that starts again at zero is no burst",
    objective: "login",
    series: logins({
      ready: `${count(during(usual, 30))} ${count(during(then, 30))}`,
      pending: "5000x60 0x40",
      quick: `${count(during(usual, 30))} ${count(during(then, 30))}`,
      all: `${count(during(usual, 30))} ${count(during(then, 30))}`,
    }),
    firing: { 61: [], 65: [], 98: [] },
  },
  {
    name: "two processes: one that only fails is seen in the sum",
    objective: "login",
    series: {
      'rollcall_ensure_total{outcome="ready",instance="a"}': always(30),
      'rollcall_ensure_total{outcome="internal",instance="b"}': from(30),
    },
    firing: { 55: [], 80: paging },
  },
  {
    name: "webhooks that are answered late",
    objective: "webhook",
    series: {
      'rollcall_webhooks_total{type="user.created",outcome="accepted"}': always(30),
      'rollcall_webhook_seconds_bucket{le="1"}': until(30, 20),
      rollcall_webhook_seconds_count: always(30),
    },
    firing: { 55: [], 95: quiet },
  },
  {
    name: "the same with bounds as Prometheus 3 writes them",
    objective: "webhook",
    series: {
      'rollcall_webhooks_total{type="user.created",outcome="accepted"}': always(30),
      'rollcall_webhook_seconds_bucket{le="1.0"}': until(30, 20),
      rollcall_webhook_seconds_count: always(30),
    },
    firing: { 55: [], 95: quiet },
  },
  {
    name: "quick 503s to webhooks",
    objective: "webhook",
    series: {
      'rollcall_webhooks_total{type="user.created",outcome="unavailable"}': always(30),
      'rollcall_webhook_seconds_bucket{le="1"}': always(30),
      rollcall_webhook_seconds_count: always(30),
    },
    firing: { 40: quiet },
  },
  {
    name: "forged webhooks in any number",
    objective: "webhook",
    series: {
      'rollcall_webhooks_total{type="user.created",outcome="accepted"}': always(1),
      'rollcall_webhooks_total{type="other",outcome="refused"}': always(600),
      'rollcall_webhook_seconds_bucket{le="1"}': always(601),
      rollcall_webhook_seconds_count: always(601),
    },
    firing: { 98: [] },
  },
  {
    name: "changes that are committed late",
    objective: "change",
    series: {
      'rollcall_sync_lag_seconds_bucket{le="60"}': always(1),
      'rollcall_sync_lag_seconds_bucket{le="90"}': until(30, 15),
      rollcall_sync_lag_seconds_count: always(30),
    },
    firing: { 55: [], 90: paging },
  },
  {
    name: "an incremental sync that stands, seen by two api processes",
    objective: "incremental_sync",
    series: {
      'rollcall_reconcile_age_seconds{mode="catch-up",instance="a"}': "30x60 60+60x40",
      'rollcall_reconcile_age_seconds{mode="catch-up",instance="b"}': "30x60 60+60x40",
      'rollcall_reconcile_age_seconds{mode="full",instance="a"}': "80000x100",
    },
    firing: { 55: [], 80: quiet },
  },
  {
    name: "an incremental sync whose age is not known any more",
    objective: "incremental_sync",
    series: { 'rollcall_reconcile_age_seconds{mode="catch-up"}': "30x40 _x60" },
    firing: { 40: [], 98: [] },
  },
];

function runScenario({ objective, series, firing }: Scenario): ReturnType<typeof runPromtool> {
  const rules = writePrometheusRules(
    [],
    objectives.filter(({ name }) => name === objective),
  );
  const toSample = (alert: string) => {
    const [severity, window] = alert.split(" ");
    const labels = { alertname: `rollcall_${objective}_objective`, alertstate: "firing", objective };
    const matchers = Object.entries({ ...labels, severity, window }).map(
      ([name, value]) => `${name}="${value}"`,
    );
    return { labels: `ALERTS{${matchers.join(",")}}`, value: 1 };
  };
  const path = writeForPromtool(
    "scenario.yml",
    stringify({
      rule_files: [writeForPromtool("rules.yml", rules)],
      evaluation_interval: "1m",
      tests: [
        {
          interval: "1m",
          input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
          promql_expr_test: Object.entries(firing).map(([minute, alerts]) => ({
            expr: 'ALERTS{alertstate="firing"}',
            eval_time: `${minute}m`,
            exp_samples: alerts.map(toSample),
          })),
        },
      ],
    }),
  );
  return runPromtool("test", "rules", path);
}

describe.skipIf(!hasPromtool)(`alerts of the objectives${orSkipped}`, () => {
  test.each(scenarios)("$name", (scenario) => {
    expect(runScenario(scenario)).toEqual({ status: 0, output: expect.stringContaining("SUCCESS") });
  });

  test("each objective is seen firing, and not firing", () => {
    for (const { name } of objectives) {
      const seen = scenarios
        .filter(({ objective }) => objective === name)
        .map(({ firing }) => Object.values(firing));
      expect([name, seen.flat().some((alerts) => alerts.length > 0)]).toEqual([name, true]);
      expect([name, seen.flat().some((alerts) => alerts.length === 0)]).toEqual([name, true]);
    }
  });
});

test("a bound that is no edge of the histogram's buckets is refused", () => {
  expect(() => abovePerSecond("rollcall_sync_lag_seconds", 91)).toThrow("no edge at 91");
});
