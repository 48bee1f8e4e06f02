import { type Limit, type LimitName, limits } from "../limits.ts";
import { median, quantile } from "../measure/quantile.ts";
import type { Measured } from "../measure/rounds.ts";

/** A line of the table: what one side cost, medians over rounds; percentiles over all of their operations. */
export type Row = {
  what: string;
  rounds: number;
  /** In each round. */
  operations: number;
  cpuUs: number;
  perSecond: number;
  p50Ms: number | null;
  p99Ms: number | null;
};

/** A figure of the design, and how far we are. */
export type Verdict = Limit & { measured: number; reached: boolean };

export type CaseReport = {
  name: string;
  backend: "redis" | "postgres";
  /** What one operation is: a request, a user, a job, a start. */
  operation: string;
  rows: Row[];
  /** How many times the CPU of the one the other takes; the median of the rounds' ratios. */
  ratios: { of: string; to: string; ratio: number }[];
  verdicts: Verdict[];
};

export function toRow({ name, samples }: Measured): Row {
  const latencies = samples.flatMap(({ latenciesMs = [] }) => latenciesMs);
  return {
    what: name,
    rounds: samples.length,
    operations: median(samples.map(({ operations }) => operations)),
    cpuUs: median(samples.map(({ cpuUs, operations }) => cpuUs / operations)),
    perSecond: median(samples.map(({ wallMs, operations }) => operations / (wallMs / 1_000))),
    p50Ms: quantile(latencies, 0.5) ?? null,
    p99Ms: quantile(latencies, 0.99) ?? null,
  };
}

/** Rounds are compared with themselves: what slowed one of them down slowed both sides. */
export function compare(of: Measured, to: Measured): { of: string; to: string; ratio: number } {
  const cost = ({ samples }: Measured, round: number) => {
    const sample = samples[round];
    return sample ? sample.cpuUs / sample.operations : Number.NaN;
  };
  const rounds = Math.min(of.samples.length, to.samples.length);
  const ratios = Array.from({ length: rounds }, (_, round) => cost(of, round) / cost(to, round));
  return { of: of.name, to: to.name, ratio: median(ratios) };
}

export function judge(name: LimitName, measured: number): Verdict {
  return { ...limits[name], measured, reached: measured <= limits[name].atMost };
}
