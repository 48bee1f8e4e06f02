/** Counts events by key, each key in a window of its own that begins with its first event. */
export type EventCounter = {
  /** Counts one event. @returns the key's events in its window, this one included */
  add(key: string): number;
  /** The key's events in its window. */
  read(key: string): number;
  /** Milliseconds until the key's window ends; 0 without one. */
  readMsLeft(key: string): number;
  /** Whether no event is counted. It saves the caller of `read` the work of making a key. */
  isEmpty(): boolean;
};

/** About 20 MB of keys. */
const mostKeys = 100_000;

/**
 * A count is never dropped before its window ends, however many other keys come. A cache that drops the oldest entry would
 * let a caller with many addresses erase the count of one of them. While 100,000 keys are counted, further keys are not.
 */
export function createEventCounter(windowMs: number): EventCounter {
  // In the order in which the windows end. The monotonic clock, because the machine's clock may jump.
  const windows = new Map<string, { count: number; endsAtMs: number }>();

  function dropEnded(nowMs: number): void {
    for (const [key, { endsAtMs }] of windows) {
      if (endsAtMs > nowMs) return;
      windows.delete(key);
    }
  }

  return {
    add: (key) => {
      const nowMs = performance.now();
      dropEnded(nowMs);
      const window = windows.get(key);
      if (window) return ++window.count;
      if (windows.size < mostKeys) windows.set(key, { count: 1, endsAtMs: nowMs + windowMs });
      return 1;
    },
    read: (key) => {
      const window = windows.get(key);
      return window && window.endsAtMs > performance.now() ? window.count : 0;
    },
    readMsLeft: (key) => Math.max(0, (windows.get(key)?.endsAtMs ?? 0) - performance.now()),
    isEmpty: () => windows.size === 0,
  };
}
