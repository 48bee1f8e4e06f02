import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { listDeadLetters } from "./dead-letter-list.ts";
import { openProducer, type Producer } from "./producer.ts";
import { openTestQueues, type TestQueues } from "./testing.ts";

const waitMs = 60_000;

let queues: TestQueues;
let deadLetters: Producer;
beforeAll(async () => {
  queues = await openTestQueues(inject("postgresUrl"));
  deadLetters = openProducer(queues.backend, "dead-letter");
});
afterAll(async () => {
  await deadLetters?.close();
  await queues?.close();
});

test("a search for one code that takes long ends its page with a cursor, and the next pages find the rest", async () => {
  const letters = Array.from({ length: 1_500 }, (_, number) => ({
    ...{ v: 1, queue: "sync", name: "refresh", payload: null, attempts: 5, firstAtMs: 1, failedAtMs: 1 },
    code: number === 0 ? "user.rejected" : "internal",
    replayable: false,
  }));
  const queue = await deadLetters.connected(waitMs);
  await queue.addBulk(letters.map((letter) => ({ name: letter.code, data: letter })));
  const read = (cursor?: string) =>
    listDeadLetters(deadLetters, { code: "user.rejected", limit: 50, cursor }, { longestMs: 0 });
  const first = await read();
  expect(first).toEqual({ items: [], nextCursor: "500" });
  const second = await read(first.nextCursor ?? undefined);
  expect(second.items).toHaveLength(1);
  expect(second.nextCursor).toBeNull();
});
