import { availableParallelism, loadavg } from "node:os";
import type { Span } from "./supervised-process.ts";

export type MachineLoad = {
  /** The sum of this process' event-loop delays in a span of time. */
  lagMs(span: Span): number;
  /** The factor for deadlines on a machine that other programs use too; 1 or more. */
  crowding(): number;
  stop(): void;
};

const everyMs = 50;
const shortestLagMs = 100;
/** On an idle machine, a run itself reaches this load per core. */
const ownLoadPerCore = 4;

/** Measures delays by other programs, so that a busy machine does not look like a broken invariant. */
export function watchMachineLoad(): MachineLoad {
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
