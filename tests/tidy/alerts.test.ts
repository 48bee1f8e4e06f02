import { fileURLToPath } from "node:url";
import { type AlertRule, alertRules, metricTable } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { objectives } from "../../build/ops/objectives.ts";
import { findMissingSections } from "./documents.ts";
import { hasPromtool, orSkipped, runPromtool } from "./promtool.ts";
import { readText } from "./tree.ts";

const path = fileURLToPath(new URL("../../ops/prometheus-rules.yml", import.meta.url));
const rules: readonly AlertRule[] = alertRules;
const names = [...rules, ...objectives.map(({ name }) => ({ name: `${name}_objective` }))].map(
  ({ name }) => name,
);

/** The metrics named in a text, without the suffixes of histogram series. */
function listMetrics(text: string): string[] {
  const named = text.match(/\brollcall_[a-z_]+(?=[{[|)"\s])/g) ?? [];
  const alerts = new Set(names.map((name) => `rollcall_${name}`));
  const metrics = named.filter((name) => !alerts.has(name) || Object.hasOwn(metricTable, name));
  return [...new Set(metrics.map((name) => name.replace(/_seconds_(bucket|sum|count)$/, "_seconds")))];
}

test("both name existing metrics and labels", () => {
  const metrics = listMetrics(readText("ops/prometheus-rules.yml"));
  expect(metrics.length).toBeGreaterThan(8);
  expect(metrics.filter((name) => !Object.hasOwn(metricTable, name))).toEqual([]);
  expect(listMetrics(JSON.stringify(rules)).filter((name) => !Object.hasOwn(metricTable, name))).toEqual([]);
  for (const { when } of rules) {
    const all = [when.of].flat().concat("part" in when ? [when.part] : []);
    for (const { metric, labels = {} } of "while" in when
      ? [...all, ...when.while.map(({ of }) => of)]
      : all) {
      expect(metricTable[metric].labels).toEqual(expect.arrayContaining(Object.keys(labels)));
    }
  }
});

test("every alert has its own name, and its section in docs/RUNBOOK.md", () => {
  expect(new Set(names).size).toBe(names.length);
  expect(findMissingSections(names, readText("docs/RUNBOOK.md"))).toEqual([]);
});

test("a rate needs at least 20 events", () => {
  for (const { name, when } of rules) {
    if ("atLeast" in when) expect([name, when.atLeast >= 20]).toEqual([name, true]);
  }
});

test.skipIf(!hasPromtool)(`promtool accepts the rules${orSkipped}`, () => {
  expect(runPromtool("check", "rules", path)).toEqual({
    status: 0,
    output: expect.stringContaining("SUCCESS"),
  });
});
