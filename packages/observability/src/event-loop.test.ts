import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { watchEventLoop } from "./event-loop.ts";

const options = { everyMs: 20, turns: 3, stuckAfterMs: 200 };

function watch() {
  const loop = watchEventLoop(options);
  onTestFinished(() => loop.close());
  return loop;
}

/** Blocks the thread, as long computations or swapping do. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test("a loop is stuck while it stays late, and not any more once it runs in time", async () => {
  const loop = watch();
  for (let turn = 0; turn < 2 * options.turns; turn++) {
    block(2 * options.stuckAfterMs);
    await sleep(0);
  }
  expect(loop.isStuck()).toBe(true);
  await expect.poll(() => loop.isStuck(), { timeout: 10_000 }).toBe(false);
});

test("one long piece of work does not make a process stuck", async () => {
  const loop = watch();
  await sleep(10 * options.everyMs);
  block(5 * options.stuckAfterMs);
  await sleep(0);
  expect(loop.isStuck()).toBe(false);
});
