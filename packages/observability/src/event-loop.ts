/** Watches whether the process's event loop still runs its timers in time. */
export type EventLoopWatch = {
  isStuck(): boolean;
  close(): void;
};

export type EventLoopOptions = { everyMs: number; turns: number; stuckAfterMs: number };

/** Stuck: each of five timers in a row, due a second apart, fired more than five seconds late. */
const usual: EventLoopOptions = { everyMs: 1_000, turns: 5, stuckAfterMs: 5_000 };

/**
 * Measures how late timers fire. One long piece of work does not make a loop stuck; a loop that stays late is. A blocked
 * loop answers no probe, but a loop that barely runs would answer each probe with 200, minutes late.
 */
export function watchEventLoop({ everyMs, turns, stuckAfterMs } = usual): EventLoopWatch {
  const lateness: number[] = [];
  let dueAtMs = performance.now() + everyMs;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    lateness.push(Math.max(0, nowMs - dueAtMs));
    if (lateness.length > turns) lateness.shift();
    dueAtMs = nowMs + everyMs;
  }, everyMs);
  timer.unref();
  const lagMs = () => (lateness.length < turns ? 0 : Math.min(...lateness));
  return {
    isStuck: () => lagMs() > stuckAfterMs,
    close: () => clearInterval(timer),
  };
}
