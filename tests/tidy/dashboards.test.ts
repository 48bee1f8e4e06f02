import { metricTable } from "@rollcall/contracts";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import type { PanelSpec } from "../../build/ops/dashboards/panel.ts";
import { dashboards } from "../../build/ops/list-ops-files.ts";
import { hasPromtool, orSkipped, runPromtool, writeForPromtool } from "./promtool.ts";
import { readText } from "./tree.ts";

const listPanels = ({ rows }: (typeof dashboards)[number]) => rows.flatMap(({ panels }) => panels);
const allPanels: PanelSpec[] = dashboards.flatMap(listPanels);
const expressions = allPanels.flatMap(({ queries }) => queries.map(({ expr }) => expr));

/** The anchors of headings, as GitHub and GitLab make them. */
function listAnchors(markdown: string): Set<string> {
  const headings = markdown.split("\n").flatMap((line) => /^#{1,6} (.+)$/.exec(line)?.[1] ?? []);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_\- ]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

test("every metric has a panel", () => {
  const shown = expressions.join("\n");
  const missing = Object.keys(metricTable).filter((name) => !new RegExp(`\\b${name}(_|\\b)`).test(shown));
  expect(missing).toEqual([]);
});

test("the panels name existing metrics, and records of the shipped rules", () => {
  const named = expressions.flatMap((expr) => expr.match(/\brollcall[_:][a-z0-9_:]+/g) ?? []);
  const records = readText("ops/prometheus-rules.yml").match(/(?<=record: )\S+/g) ?? [];
  const known = [...Object.keys(metricTable), ...records];
  const base = (name: string) => name.replace(/_(bucket|sum|count)$/, "");
  expect(named.filter((name) => !known.includes(name) && !known.includes(base(name)))).toEqual([]);
});

describe.each(dashboards)("the dashboard $name", (dashboard) => {
  const panels = listPanels(dashboard);

  test("has panels with a title of their own and a sentence of help", () => {
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    expect(panels.filter(({ help }) => !/^.{30,}\.$/.test(help)).map(({ title }) => title)).toEqual([]);
  });

  test("leads to sections that docs/RUNBOOK.md has", () => {
    const anchors = listAnchors(readText("docs/RUNBOOK.md"));
    expect(panels.filter(({ runbook }) => !anchors.has(runbook)).map(({ runbook }) => runbook)).toEqual([]);
  });
});

test.skipIf(!hasPromtool)(`promtool reads every query${orSkipped}`, () => {
  const rules = expressions.map((expr, index) => ({
    record: `query:${index}`,
    expr: expr.replaceAll("$__range", "6h").replaceAll("$__rate_interval", "2m"),
  }));
  const path = writeForPromtool("queries.yml", stringify({ groups: [{ name: "queries", rules }] }));
  expect(runPromtool("check", "rules", path)).toEqual({
    status: 0,
    output: expect.stringContaining(`${rules.length} rules found`),
  });
});
