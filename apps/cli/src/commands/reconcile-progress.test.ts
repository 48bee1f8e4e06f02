import { PassThrough } from "node:stream";
import type { WriteStream } from "node:tty";
import type { RunView } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { startProgress } from "./reconcile-progress.ts";

function openStream(isTTY: boolean) {
  const chunks: string[] = [];
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 80 });
  stream.on("data", (chunk: Buffer) => chunks.push(chunk.toString()));
  // What a terminal has of a WriteStream, as far as progress looks at it.
  return { stream: stream as unknown as WriteStream, written: () => chunks.join("") };
}

const counts = { created: 0, linked: 0, updated: 0, unchanged: 500, deleted: 0, held: 0, failed: 0 };
// Only what progress shows of a run.
const run = {
  id: 1,
  mode: "full",
  dryRun: false,
  state: "running",
  pages: 1,
  seen: 500,
  total: 1_000,
  counts,
} as RunView;

test("on a terminal the bar goes when it ends, and what is written afterwards stays, however often it ends", () => {
  const { stream, written } = openStream(true);
  const progress = startProgress(stream);
  progress.show(run);
  expect(written()).toContain("500 of 1,000");
  progress.end();
  const cleared = written();
  expect(cleared.endsWith("\u001b[1A\u001b[J")).toBe(true);
  progress.end();
  expect(written()).toBe(cleared);
});

test("elsewhere nothing moves the cursor", () => {
  const { stream, written } = openStream(false);
  const progress = startProgress(stream);
  progress.show(run);
  progress.end();
  expect(written()).not.toContain("\u001b");
});
