import { formatNumber, median, quantile } from "../stage/numbers.ts";
import { type Limit, type LimitName, limits } from "./limits.ts";
import type { Measured, Sample } from "./rounds.ts";

/** A line of the table: one side. Costs are medians over rounds, and percentiles are over all operations. */
export type Row = {
  side: string;
  rounds: number;
  /** In each round. */
  operations: number;
  cpuUs: number;
  /** CPU of other processes, by their names. */
  besideUs: Record<string, number>;
  perSecond: number;
  p50Ms: number | null;
  p99Ms: number | null;
};

/** A limit of the design, and the measured value. */
export type Verdict = Limit & { measured: number; reached: boolean };

export type CaseReport = {
  name: string;
  backend: "redis" | "postgres";
  /** The unit of the costs: a request, a user, a job, a start. */
  operation: string;
  rows: Row[];
  /** CPU time of one side divided by another's: the median of the rounds' ratios. */
  ratios: { of: string; to: string; ratio: number }[];
  verdicts: Verdict[];
};

export function toRow({ name, samples }: Measured): Row {
  const latencies = samples.flatMap(({ latenciesMs = [] }) => latenciesMs);
  return {
    side: name,
    rounds: samples.length,
    operations: median(samples.map(({ operations }) => operations)),
    cpuUs: median(samples.map(({ cpuUs, operations }) => cpuUs / operations)),
    besideUs: Object.fromEntries(
      Object.keys(samples[0]?.besideUs ?? {}).map((process) => [
        process,
        median(samples.map(({ besideUs, operations }) => (besideUs?.[process] ?? 0) / operations)),
      ]),
    ),
    perSecond: median(samples.map(({ wallMs, operations }) => operations / (wallMs / 1_000))),
    p50Ms: quantile(latencies, 0.5) ?? null,
    p99Ms: quantile(latencies, 0.99) ?? null,
  };
}

/** Compares the sides round by round, because other load slows both sides of a round. */
export function compare(of: Measured, to: Measured): { of: string; to: string; ratio: number } {
  return { of: of.name, to: to.name, ratio: compareRounds(of, to, ({ cpuUs }) => cpuUs) };
}

/** The same for the duration, which counts where most of the work is another process'. */
export function compareDurations(of: Measured, to: Measured): number {
  return compareRounds(of, to, ({ wallMs }) => wallMs);
}

function compareRounds(of: Measured, to: Measured, read: (sample: Sample) => number): number {
  const cost = ({ samples }: Measured, round: number) => {
    const sample = samples[round];
    return sample ? read(sample) / sample.operations : Number.NaN;
  };
  const rounds = Math.min(of.samples.length, to.samples.length);
  return median(Array.from({ length: rounds }, (_, round) => cost(of, round) / cost(to, round)));
}

export function checkLimit(name: LimitName, measured: number): Verdict {
  return { ...limits[name], measured, reached: measured <= limits[name].atMost };
}

const columns = ["µs CPU", "per s", "p50 ms", "p99 ms", "rounds × n"] as const;
const nameWidth = 34;

/** Formats the reports as tables for a terminal. */
export function formatReports(reports: readonly CaseReport[]): string {
  return `${reports.map(formatReport).join("\n\n")}\n`;
}

function formatReport({ name, backend, operation, rows, ratios, verdicts }: CaseReport): string {
  return [
    `${`${name}, ${backend}`.padEnd(nameWidth)}${columns.map((column) => column.padStart(12)).join("")}`,
    ...rows.map(formatRow),
    ...rows.flatMap(formatBeside),
    `  per ${operation}`,
    ...ratios.map(({ of, to, ratio }) => `  ${of}: ${ratio.toFixed(2)} × ${to}`),
    ...verdicts.map(formatVerdict),
  ].join("\n");
}

function formatBeside({ side, besideUs }: Row): string[] {
  const parts = Object.entries(besideUs).map(([process, us]) => `${process} ${formatNumber(us)}`);
  return parts.length === 0 ? [] : [`  ${side}: µs of other processes: ${parts.join(", ")}`];
}

function formatRow({ side, cpuUs, perSecond, p50Ms, p99Ms, rounds, operations }: Row): string {
  const cells = [
    formatNumber(cpuUs),
    formatNumber(perSecond),
    p50Ms === null ? "" : formatNumber(p50Ms),
    p99Ms === null ? "" : formatNumber(p99Ms),
    `${rounds} × ${operations}`,
  ];
  return `  ${side.padEnd(nameWidth - 2)}${cells.map((cell) => cell.padStart(12)).join("")}`;
}

function formatVerdict({ text, measured, atMost, unit, reached }: Verdict): string {
  const verdict = reached ? "reached    " : "NOT REACHED";
  return `  ${verdict}  ${formatNumber(measured)} ${unit}, at most ${formatNumber(atMost)} ${unit}: ${text}`;
}
