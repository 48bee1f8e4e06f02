export type BatcherOptions<Item, Result> = {
  /** Handles a batch. Resolves with what answers each of its items; a rejection answers all of them. */
  run(items: readonly Item[]): Promise<(item: Item) => Result | Promise<Result>>;
  mostItems: number;
  /** So many batches run at once, so that one that waits for a lock does not stop the others. */
  mostBatches: number;
  /** An item that waited longer than this for a batch to end is rejected, so that an outage leaves no items behind. */
  longestWaitMs?: number;
};

/**
 * Handles items that arrive together in one batch. An item that meets no running batch waits only for the rest of this
 * turn of the event loop. Others wait for a batch to end. So batches grow with the load, and no timer delays a lone item.
 */
export function createBatcher<Item, Result>({
  run,
  mostItems,
  mostBatches,
  longestWaitMs = Number.POSITIVE_INFINITY,
}: BatcherOptions<Item, Result>): (item: Item) => Promise<Result> {
  type Call = {
    item: Item;
    sinceMs: number;
    resolve(result: Result | Promise<Result>): void;
    reject(error: unknown): void;
  };
  const waiting: Call[] = [];
  let running = 0;
  let isScheduled = false;

  function schedule(): void {
    if (isScheduled || waiting.length === 0 || running >= mostBatches) return;
    isScheduled = true;
    setImmediate(() => {
      isScheduled = false;
      rejectLate();
      if (waiting.length > 0) void send(waiting.splice(0, mostItems));
      schedule();
    });
  }

  function rejectLate(): void {
    const latestMs = performance.now() - longestWaitMs;
    const inTime = waiting.findIndex(({ sinceMs }) => sinceMs >= latestMs);
    for (const { reject } of waiting.splice(0, inTime === -1 ? waiting.length : inTime))
      reject(new Error(`No batch began within ${longestWaitMs} ms`));
  }

  async function send(calls: readonly Call[]): Promise<void> {
    running += 1;
    try {
      const answer = await run(calls.map(({ item }) => item));
      for (const { item, resolve } of calls) resolve(answer(item));
    } catch (error) {
      for (const { reject } of calls) reject(error);
    } finally {
      running -= 1;
      schedule();
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, sinceMs: performance.now(), resolve, reject });
      schedule();
    });
}
