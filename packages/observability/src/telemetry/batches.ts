import type { BatchLimits } from "./settings.ts";

export type BatchesOptions<Item> = BatchLimits & {
  /** Sends one batch. A rejection loses it. */
  send(items: readonly Item[]): Promise<void>;
  /** @param error of `send`; undefined when the queue was full */
  onLost(items: number, error?: unknown): void;
};

export type Batches<Item> = {
  /** Keeps the item for the next batch. Loses it while the queue is full. */
  add(item: Item): void;
  /** Sends all that waits. Resolves when nothing waits, also when everything was lost. */
  flush(): Promise<void>;
};

/**
 * Sends items in batches, one after the other. A receiver that is slow or away therefore costs no more memory than the
 * queue and one batch, and nothing ever waits for it.
 *
 * OpenTelemetry's own batch processors keep the number of lost items to themselves.
 */
export function createBatches<Item>(options: BatchesOptions<Item>): Batches<Item> {
  const { queue: mostItems, batch, delayMs, send, onLost } = options;
  let waiting: Item[] = [];
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) {
      const items = waiting.slice(0, batch);
      waiting = waiting.slice(batch);
      await send(items).catch((error: unknown) => onLost(items.length, error));
    }
    // At once, so that no item comes after the loop and before this.
    sending = undefined;
  }

  async function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.length > 0) sending ??= sendAll();
    await sending;
  }

  return {
    add: (item) => {
      if (waiting.length >= mostItems) {
        onLost(1);
        return;
      }
      waiting.push(item);
      if (waiting.length >= batch) void flush();
      else if (timer === undefined && sending === undefined) {
        timer = setTimeout(flush, delayMs);
        timer.unref();
      }
    },
    flush,
  };
}
