import { type AlertCondition, alertRules } from "@rollcall/contracts";
import { describe, expect, test } from "vitest";
import { estimateQuantile, evaluateRule, type Sample } from "./evaluate-rule.ts";

const provision = (outcome: string, value: number, cause = "webhook"): Sample => ({
  metric: "rollcall_provision_total",
  labels: { cause, outcome },
  value,
});
const of = { metric: "rollcall_provision_total" } as const;
const observe = (counts: Sample[], before: Sample[] = [], gauges: Sample[] = []) => ({
  gauges,
  countedIn: ({ metric, untilS }: { metric: string; untilS: number }) =>
    (untilS > 0 ? before : counts).filter((sample) => sample.metric === metric),
});
const gauge = (value: number, labels: Record<string, string> = {}): Sample => ({
  metric: "rollcall_users",
  labels,
  value,
});

describe("a share", () => {
  const condition: AlertCondition = {
    kind: "share",
    part: { ...of, labels: { outcome: "internal|.+[.].+" } },
    of: { ...of, labels: { outcome: "created|internal|.+[.].+" } },
    windowS: 60,
    above: 0.01,
    atLeast: 20,
  };
  test.each<[string, Sample[], boolean]>([
    ["nothing happened", [], false],
    ["few failed of few", [provision("user.rejected", 19)], false],
    ["one in a hundred failed", [provision("created", 99), provision("internal", 1)], false],
    ["two in a hundred failed", [provision("created", 98), provision("user.rejected", 2)], true],
    ["other outcomes are not counted", [provision("kept", 1_000), provision("user.rejected", 20)], true],
    [
      "failures under several causes add up",
      [provision("internal", 10), provision("internal", 10, "ensure")],
      true,
    ],
  ])("%s", (_, counts, holds) => expect(evaluateRule(condition, observe(counts))?.holds).toBe(holds));
});

test.each<[string, Sample[], boolean]>([
  ["with profiles", [provision("created", 1_000), provision("user.rejected", 20)], true],
  ["of which few fail", [provision("created", 10_000), provision("user.rejected", 20)], false],
  ["without profiles", [provision("not_made", 1_000), provision("user.rejected", 20)], true],
  [
    "without profiles, of which few fail",
    [provision("not_made", 10_000), provision("user.rejected", 20)],
    false,
  ],
])("creation_failures is a share of the users of an app %s", (_, counts, holds) => {
  const rule = alertRules.find(({ name }) => name === "creation_failures");
  expect(rule && evaluateRule(rule.when, observe(counts))?.holds).toBe(holds);
});

describe("a gauge", () => {
  const held: AlertCondition = {
    kind: "gauge",
    of: { metric: "rollcall_users", labels: { state: "held" } },
    take: "max",
    above: 0,
  };
  test("is compared by its own series alone, and a label must match as a whole", () => {
    expect(
      evaluateRule(held, observe([], [], [gauge(5, { state: "live" }), gauge(0, { state: "held" })])),
    ).toEqual({
      holds: false,
      value: 0,
    });
    expect(
      evaluateRule(held, observe([], [], [gauge(5, { state: "withheld" }), gauge(0, { state: "held" })]))
        ?.holds,
    ).toBe(false);
    expect(evaluateRule(held, observe([], [], [gauge(1, { state: "held" })]))?.holds).toBe(true);
  });
  test("that could not be read gives no evaluation", () => {
    expect(evaluateRule(held, observe([]))).toBeUndefined();
    const below: AlertCondition = {
      kind: "gauge",
      of: { metric: "rollcall_workers" },
      take: "max",
      below: 1,
    };
    expect(evaluateRule(below, observe([]))).toBeUndefined();
  });
});

describe("silence", () => {
  const condition: AlertCondition = {
    kind: "silence",
    of: { metric: "rollcall_webhooks_total", labels: { outcome: "accepted" } },
    windowS: 60,
    while: [{ of: { metric: "rollcall_users" }, above: 4 }],
  };
  const webhook = (outcome: string): Sample => ({
    metric: "rollcall_webhooks_total",
    labels: { type: "other", outcome },
    value: 1,
  });
  test.each<[string, Sample[], number, boolean]>([
    ["no delivery comes and many changes are missed", [], 5, true],
    ["refused deliveries do not count", [webhook("refused")], 5, true],
    ["few changes are missed", [], 4, false],
    ["one delivery came", [webhook("accepted")], 5, false],
  ])("%s", (_, counts, missed, holds) => {
    expect(evaluateRule(condition, observe(counts, [], [gauge(missed)]))?.holds).toBe(holds);
  });
});

describe("a surge", () => {
  const condition: AlertCondition = { kind: "surge", of, windowS: 60, beforeS: 600, factor: 5, atLeast: 20 };
  test.each<[string, number, number, boolean]>([
    ["a few are no surge, even after none", 19, 0, false],
    ["many after none", 20, 0, true],
    ["five times the usual number", 50, 100, false],
    ["more than five times the usual number", 51, 100, true],
  ])("%s", (_, now, before, holds) => {
    const found = evaluateRule(
      condition,
      observe([provision("created", now)], [provision("created", before)]),
    );
    expect(found?.holds).toBe(holds);
  });
});

describe("a mean and a quantile", () => {
  const seconds = (suffix: string, value: number, labels = {}): Sample => ({
    metric: `rollcall_provision_seconds_${suffix}`,
    labels,
    value,
  });
  const mean: AlertCondition = {
    kind: "mean",
    of: { metric: "rollcall_provision_seconds" },
    windowS: 60,
    above: 5,
    atLeast: 20,
  };
  test.each([
    [19, 1_000, false],
    [20, 100, false],
    [20, 101, true],
  ])("%i observations of %i s together", (observed, total, holds) => {
    expect(evaluateRule(mean, observe([seconds("count", observed), seconds("sum", total)]))?.holds).toBe(
      holds,
    );
  });

  const bucket = (le: string, value: number) => seconds("bucket", value, { le });
  test.each<[string, Sample[], number, number]>([
    ["nothing was observed", [], 0, 0],
    ["evenly within a bucket", [bucket("1", 0), bucket("2", 100), bucket("+Inf", 100)], 100, 1.95],
    ["beyond all bounds", [bucket("1", 0), bucket("2", 10), bucket("+Inf", 100)], 100, 2],
    [
      "two series together",
      [bucket("1", 95), bucket("+Inf", 100), bucket("1", 95), bucket("+Inf", 100)],
      200,
      1,
    ],
  ])("%s", (_, buckets, observed, value) => {
    expect(estimateQuantile(buckets, 0.95)).toEqual({ observed, value: expect.closeTo(value, 6) });
  });
});
