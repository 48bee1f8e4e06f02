import type { AlertRule } from "@rollcall/contracts";
import { writeExpression } from "./alert-expressions.ts";
import {
  burns,
  eventsRecord,
  everyS,
  missedRecord,
  type Objective,
  ratioRecord,
  target,
  windows,
} from "./objectives.ts";

/** Writes the alert rules as Prometheus rules, so that both have one source, and beside them the objectives. */
export function writePrometheusRules(rules: readonly AlertRule[], objectives: readonly Objective[]): string {
  return [
    "# Made from packages/contracts/src/alert-rules.ts and build/ops/objectives.ts: change them there, then npm run ops",
    "groups:",
    "  - name: rollcall",
    "    rules:",
    ...rules.flatMap(writeAlertRule),
    "  - name: rollcall-objectives",
    `    interval: ${everyS}s`,
    "    rules:",
    ...objectives.flatMap(writeRecords),
    ...objectives.flatMap(writeBurns),
    "",
  ].join("\n");
}

type Alert = { name: string; expr: string; forS: number; labels: Record<string, string>; summary: string };

function writeAlertRule(rule: AlertRule): string[] {
  const { name, severity, when, forS } = rule;
  return writeAlert({
    name,
    expr: writeExpression(when),
    forS,
    labels: { severity },
    summary: nameSeries(rule),
  });
}

function nameSeries({ summary, when }: AlertRule): string {
  return "lists" in when && when.lists ? `${summary} {{ $labels.${when.lists} }}` : summary;
}

/** A rate over five minutes bridges restarts. Every longer window is made of its samples. */
function writeRecords({ name, events, missed }: Objective): string[] {
  const sum = (record: string, window: string) => `sum_over_time(${record}{objective="${name}"}[${window}])`;
  return [
    ...writeRecord(eventsRecord, name, events),
    ...writeRecord(missedRecord, name, missed),
    ...windows.flatMap((window) => {
      const share = `${sum(missedRecord, window)} / (${sum(eventsRecord, window)} > 0)`;
      return writeRecord(ratioRecord(window), name, window === "5m" ? shareNow(name) : share);
    }),
  ];
}

function shareNow(name: string): string {
  return `${missedRecord}{objective="${name}"} / (${eventsRecord}{objective="${name}"} > 0)`;
}

function writeRecord(record: string, objective: string, expr: string): string[] {
  return [
    `      - record: ${record}`,
    `        expr: ${JSON.stringify(expr)}`,
    "        labels:",
    `          objective: ${objective}`,
  ];
}

/** One alert for each pair of windows, under one name. */
function writeBurns({ name, severity, summary, atLeast }: Objective): string[] {
  return burns.flatMap(({ long, short, rate, isFast }) => {
    const burning = (window: (typeof windows)[number]) =>
      `${ratioRecord(window)}{objective="${name}"} > ${Number((rate * (1 - target)).toFixed(4))}`;
    const enough = `${everyS} * sum_over_time(${eventsRecord}{objective="${name}"}[${long}]) >= ${atLeast}`;
    return writeAlert({
      name: `${name}_objective`,
      expr: [burning(long), burning(short), ...(atLeast > 0 ? [enough] : [])].join(" and "),
      forS: 0,
      labels: { severity: isFast ? severity : "ticket", window: long },
      summary,
    });
  });
}

function writeAlert({ name, expr, forS, labels, summary }: Alert): string[] {
  return [
    `      - alert: rollcall_${name}`,
    `        expr: ${JSON.stringify(expr)}`,
    ...(forS > 0 ? [`        for: ${forS}s`] : []),
    "        labels:",
    ...Object.entries(labels).map(([label, value]) => `          ${label}: ${value}`),
    "        annotations:",
    `          summary: ${JSON.stringify(summary)}`,
    `          runbook: ${JSON.stringify(`docs/RUNBOOK.md#${name}`)}`,
  ];
}
