import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { type AlertRule, alertRules, metricTable } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { findMissingSections } from "./documents.ts";
import { writePrometheusRules } from "./prometheus-rules.ts";
import { readText } from "./tree.ts";

const path = fileURLToPath(new URL("../../ops/prometheus-rules.yml", import.meta.url));
const rules: readonly AlertRule[] = alertRules;

/** The metrics named in a text, without the suffixes of histogram series. */
function listMetrics(text: string): string[] {
  const named = text.match(/\brollcall_[a-z_]+(?=[{[|)"\s])/g) ?? [];
  const alerts = new Set(rules.map(({ name }) => `rollcall_${name}`));
  const metrics = named.filter((name) => !alerts.has(name) || Object.hasOwn(metricTable, name));
  return [...new Set(metrics.map((name) => name.replace(/_seconds_(bucket|sum|count)$/, "_seconds")))];
}

test("ops/prometheus-rules.yml has the same rules", async () => {
  await expect(writePrometheusRules(rules)).toMatchFileSnapshot(path);
});

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
  const names = rules.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(findMissingSections(names, readText("docs/RUNBOOK.md"))).toEqual([]);
});

test("a rate needs at least 20 events", () => {
  for (const { name, when } of rules) {
    if ("atLeast" in when) expect([name, when.atLeast >= 20]).toEqual([name, true]);
  }
});

const promtool = spawnSync("promtool", ["--version"], { cwd: tmpdir() }).status === 0;
test.skipIf(!promtool)(
  `promtool accepts the rules${promtool ? "" : " (skipped: no promtool on PATH)"}`,
  () => {
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "rules", path], {
      cwd: tmpdir(),
      encoding: "utf8",
    });
    expect([status, stdout + stderr]).toEqual([0, expect.stringContaining("SUCCESS")]);
  },
);
