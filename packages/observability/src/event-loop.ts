/** Whether the process's event loop turns. */
export type EventLoopWatch = {
  /**
   * How late the loop has been at each of its last turns, at least; in milliseconds. A single long piece of work
   * does not show: only a loop that stays late.
   */
  lagMs(): number;
  isStuck(): boolean;
  close(): void;
};

export type EventLoopOptions = { everyMs: number; turns: number; stuckAfterMs: number };

/** With a turn expected each second: half a minute in which each came more than five seconds late. */
const usual: EventLoopOptions = { everyMs: 1_000, turns: 5, stuckAfterMs: 5_000 };

/**
 * Watches how late timers fire. A loop that stands still answers no probe at all; one that barely moves would
 * answer each with 200, minutes late, and do no work.
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
    lagMs,
    isStuck: () => lagMs() > stuckAfterMs,
    close: () => clearInterval(timer),
  };
}
