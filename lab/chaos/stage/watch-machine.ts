import { availableParallelism, loadavg } from "node:os";
import type { Span } from "./supervised-process.ts";

export type MachineWatch = {
  /** How late this process was in a span of time, all in all. */
  lagMs(span: Span): number;
  /** How many times longer things may take than on a machine of our own; 1 or more. */
  crowding(): number;
  stop(): void;
};

const everyMs = 50;
const shortestLagMs = 100;
/** A run by itself has so many processes waiting for each core at times. */
const ownLoadPerCore = 4;

/** Watches what is nobody's fault: a machine that others use too must not make an invariant look broken. */
export function watchMachine(): MachineWatch {
  const lags: { atMs: number; lagMs: number }[] = [];
  let crowding = 1;
  let lastMs = Date.now();
  const timer = setInterval(() => {
    const nowMs = Date.now();
    const lagMs = nowMs - lastMs - everyMs;
    if (lagMs > shortestLagMs) lags.push({ atMs: nowMs, lagMs });
    lastMs = nowMs;
    crowding = Math.max(crowding, (loadavg()[0] ?? 0) / availableParallelism() / ownLoadPerCore);
  }, everyMs);
  return {
    lagMs: ({ fromMs, untilMs }) =>
      lags
        .filter(({ atMs, lagMs }) => atMs > fromMs && atMs - lagMs < untilMs)
        .reduce((sum, { lagMs }) => sum + lagMs, 0),
    crowding: () => crowding,
    stop: () => clearInterval(timer),
  };
}
