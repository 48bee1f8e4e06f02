import { expect, onTestFinished, test, vi } from "vitest";
import { createBatcher } from "./batcher.ts";

/** A batcher whose batches end when the test says so. */
function createHeldBatcher({ mostItems = 100, mostBatches = 1, longestWaitMs = 60_000 } = {}) {
  const batches: { items: readonly number[]; end(): void; fail(error: Error): void }[] = [];
  const handle = createBatcher<number, string>({
    mostItems,
    mostBatches,
    longestWaitMs,
    run: (items) =>
      new Promise((resolve, reject) => {
        batches.push({ items, end: () => resolve((item) => `answer ${item}`), fail: reject });
      }),
  });
  return { handle, batches, sizes: () => batches.map(({ items }) => items.length) };
}

const untilSent = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

test("items of one turn of the event loop are one batch, and each gets its own answer", async () => {
  const { handle, batches } = createHeldBatcher();
  const answers = Promise.all([1, 2, 3].map(handle));
  await untilSent();
  expect(batches.map(({ items }) => items)).toEqual([[1, 2, 3]]);
  batches[0]?.end();
  expect(await answers).toEqual(["answer 1", "answer 2", "answer 3"]);
});

test("items that meet the most batches wait for one to end, and are then one batch of at most so many", async () => {
  const { handle, batches, sizes } = createHeldBatcher({ mostItems: 3, mostBatches: 2 });
  const answers: Promise<string>[] = [];
  for (let item = 1; item <= 6; item += 1) {
    answers.push(handle(item));
    await untilSent();
  }
  expect(sizes()).toEqual([1, 1]);
  batches[1]?.end();
  await untilSent();
  expect(sizes()).toEqual([1, 1, 3]);
  batches[0]?.end();
  await untilSent();
  expect(batches.map(({ items }) => items)).toEqual([[1], [2], [3, 4, 5], [6]]);
  for (const { end } of batches) end();
  expect(await Promise.all(answers)).toHaveLength(6);
});

test("the error of a batch rejects each of its items, and the next batch runs", async () => {
  const { handle, batches } = createHeldBatcher();
  const failed = Promise.allSettled([handle(1), handle(2)]);
  await untilSent();
  batches[0]?.fail(new Error("Refused"));
  expect((await failed).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const next = handle(3);
  await untilSent();
  batches[1]?.end();
  expect(await next).toBe("answer 3");
});

test("an item that is answered alone rejects alone", async () => {
  const handle = createBatcher<number, number>({
    mostItems: 10,
    mostBatches: 1,
    run: async () => async (item) => {
      if (item === 2) throw new Error("Only this one");
      return item;
    },
  });
  const ends = await Promise.allSettled([1, 2, 3].map(handle));
  expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});

test("an item that waited for too long is rejected and not sent, and later ones are sent", async () => {
  const { handle, batches } = createHeldBatcher({ longestWaitMs: 1_000 });
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const first = handle(1);
  await untilSent();
  const late = handle(2);
  await vi.advanceTimersByTimeAsync(900);
  const inTime = handle(3);
  await vi.advanceTimersByTimeAsync(200);
  batches[0]?.end();
  await expect(late).rejects.toThrow("No batch began within 1000 ms");
  await untilSent();
  expect(batches.map(({ items }) => items)).toEqual([[1], [3]]);
  batches[1]?.end();
  expect([await first, await inTime]).toEqual(["answer 1", "answer 3"]);
});
