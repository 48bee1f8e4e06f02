import type { Span } from "./supervised-process.ts";

const everyMs = 50;

export type LagWatch = {
  /** How late this process was in a span of time, all in all. */
  lagMs(span: Span): number;
  stop(): void;
};

/** Notices when this process itself was late, so that its slowness is not taken for somebody else's. */
export function watchLag(): LagWatch {
  const lags: { atMs: number; lagMs: number }[] = [];
  let lastMs = Date.now();
  const timer = setInterval(() => {
    const nowMs = Date.now();
    const lagMs = nowMs - lastMs - everyMs;
    if (lagMs > 100) lags.push({ atMs: nowMs, lagMs });
    lastMs = nowMs;
  }, everyMs);
  return {
    lagMs: ({ fromMs, untilMs }) =>
      lags
        .filter(({ atMs, lagMs }) => atMs > fromMs && atMs - lagMs < untilMs)
        .reduce((sum, { lagMs }) => sum + lagMs, 0),
    stop: () => clearInterval(timer),
  };
}
