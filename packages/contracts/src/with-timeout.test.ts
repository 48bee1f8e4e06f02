import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { withTimeout } from "./with-timeout.ts";

test("work within the limit keeps its result and its error", async () => {
  const fault = new Error("refused");
  expect(await withTimeout(Promise.resolve(7), 60_000)).toBe(7);
  await expect(withTimeout(Promise.reject(fault), 60_000)).rejects.toBe(fault);
});

test("work over the limit is a typed error that names the work", async () => {
  const work = new Promise<never>(() => undefined);
  await expect(withTimeout(work, 5, "queue.unavailable", "Adding to queue sync")).rejects.toMatchObject({
    code: "queue.unavailable",
    message: "Adding to queue sync took longer than 5 ms",
  });
});

test("a failure after the limit is no unhandled rejection", async () => {
  const unhandled: unknown[] = [];
  const listener = (reason: unknown) => unhandled.push(reason);
  process.on("unhandledRejection", listener);
  onTestFinished(() => void process.off("unhandledRejection", listener));
  const work = sleep(20).then(() => {
    throw new Error("too late");
  });
  await expect(withTimeout(work, 5)).rejects.toMatchObject({ code: "internal" });
  await sleep(50);
  expect(unhandled).toEqual([]);
});
