import { expect, test, vi } from "vitest";
import { createBatches } from "./batches.ts";

// A batch ends over several turns of the microtask queue. An item may come in each of them.
test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
  "an item that comes %d turns after a batch was taken is sent, by its delay and by a flush",
  async (turns) => {
    for (const flushes of [false, true]) {
      const sent: string[] = [];
      let take = () => undefined as unknown;
      const taken = new Promise((resolve) => (take = () => resolve(undefined)));
      const batches = createBatches<string>({
        ...{ queue: 10, batch: 2, delayMs: 1 },
        send: async (items) => {
          sent.push(...items);
          await taken;
        },
        onLost: () => undefined,
      });
      batches.add("first");
      const flushed = batches.flush();
      take();
      for (let turn = 0; turn < turns; turn++) await undefined;
      batches.add("second");
      if (flushes) {
        await batches.flush();
        expect(sent).toEqual(["first", "second"]);
      } else await vi.waitFor(() => expect(sent).toEqual(["first", "second"]), { timeout: 10_000 });
      await flushed;
    }
  },
);
