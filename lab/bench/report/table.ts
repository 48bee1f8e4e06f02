import type { CaseReport, Row, Verdict } from "./case-report.ts";

const columns = ["µs CPU", "per s", "p50 ms", "p99 ms", "rounds × n"] as const;
const nameWidth = 34;

/** The reports as a person reads them on a terminal. */
export function formatReports(reports: readonly CaseReport[]): string {
  return `${reports.map(formatReport).join("\n\n")}\n`;
}

function formatReport({ name, backend, operation, rows, ratios, verdicts }: CaseReport): string {
  return [
    `${`${name}, ${backend}`.padEnd(nameWidth)}${columns.map((column) => column.padStart(12)).join("")}`,
    ...rows.map(formatRow),
    `  per ${operation}`,
    ...ratios.map(({ of, to, ratio }) => `  ${of}: ${ratio.toFixed(2)} × ${to}`),
    ...verdicts.map(formatVerdict),
  ].join("\n");
}

function formatRow({ what, cpuUs, perSecond, p50Ms, p99Ms, rounds, operations }: Row): string {
  const cells = [
    formatNumber(cpuUs),
    formatNumber(perSecond),
    p50Ms === null ? "" : formatNumber(p50Ms),
    p99Ms === null ? "" : formatNumber(p99Ms),
    `${rounds} × ${operations}`,
  ];
  return `  ${what.padEnd(nameWidth - 2)}${cells.map((cell) => cell.padStart(12)).join("")}`;
}

/** Three figures: what is behind them is noise. */
export function formatNumber(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(value), 0.01))));
  return value.toFixed(Math.min(digits, 2));
}

function formatVerdict({ text, measured, atMost, unit, reached }: Verdict): string {
  const verdict = reached ? "reached    " : "NOT REACHED";
  return `  ${verdict}  ${formatNumber(measured)} ${unit}, at most ${atMost} ${unit}: ${text}`;
}
