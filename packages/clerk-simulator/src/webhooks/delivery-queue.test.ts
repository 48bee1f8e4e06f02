import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import { createDeliveryQueue } from "./delivery-queue.ts";

function start(concurrency: number, send: (message: number) => Promise<void>) {
  return createDeliveryQueue<number>({
    send: ({ message }) => send(message),
    concurrency: () => concurrency,
    delayMs: () => 0,
    shuffleSize: () => 1,
    shuffle: (items) => [...items],
  });
}

it("never has more deliveries in flight than allowed, and sends all of them in order", async () => {
  let inFlight = 0;
  let peak = 0;
  const sent: number[] = [];
  const queue = start(3, async (message) => {
    peak = Math.max(peak, ++inFlight);
    sent.push(message);
    await nextTurn();
    inFlight--;
  });
  queue.hold();
  for (let message = 0; message < 40; message++) queue.accept({ message, body: "", attempt: 0 });
  await queue.idle({ retries: true });
  expect([sent.length, queue.held()]).toEqual([0, 40]);
  queue.release("sent");
  await queue.idle({ retries: true });
  expect(sent).toEqual(Array.from({ length: 40 }, (_, message) => message));
  expect(peak).toBe(3);
});

it("closing drops waiting deliveries, and callers of idle() continue", async () => {
  const queue = start(1, () => new Promise(() => {}));
  queue.accept({ message: 1, body: "", attempt: 0 });
  queue.retry({ message: 2, body: "", attempt: 1 }, 3_600_000);
  const waiting = queue.idle({ retries: true });
  queue.close();
  await waiting;
});
