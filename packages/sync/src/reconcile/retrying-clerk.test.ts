import { getEventListeners } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createLogger } from "@rollcall/observability";
import { expect, test } from "vitest";
import { withRetry } from "./retrying-clerk.ts";

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

test("attempts that ran at once leave no listener behind, which would keep what they returned", async () => {
  const log = createLogger({ level: "silent", process: "test" });
  const run = new AbortController();
  const ends: (() => void)[] = [];
  const attempts = Array.from({ length: 5 }, () =>
    withRetry({ log }, run.signal, () => new Promise<void>((resolve) => ends.push(resolve))),
  );
  await new Promise(setImmediate);
  collectGarbage();
  for (const end of ends) end();
  await Promise.all(attempts);
  expect(getEventListeners(run.signal, "abort")).toHaveLength(0);
});
