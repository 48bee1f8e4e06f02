import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { describeRuns } from "./describe-runs.ts";
import { appendRun, hasVerdict, type RunRecord, readRuns } from "./run-record.ts";

const folder = mkdtempSync(join(tmpdir(), "rollcall-series-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const key = { seed: 7, events: 2_000, backend: "redis", mapping: "default", shards: 1 } as const;
const facts = { seconds: 60, faults: 12, load: 2.5, at: "2026-11-30T22:00:00.000Z" };
const held: RunRecord = { ...key, commit: "aaaaaaa", result: "held", ...facts };

test("a run that was recorded is found again, and a line that is no record is named", () => {
  const file = join(folder, "runs.jsonl");
  expect(readRuns(file)).toEqual([]);
  const broken: RunRecord = { ...held, seed: 8, result: "broken", broken: ["one profile each"] };
  appendRun(file, held);
  appendRun(file, broken);
  expect(readRuns(file)).toEqual([held, broken]);
  appendFileSync(file, '{"seed":9\n');
  expect(() => readRuns(file)).toThrow("runs.jsonl:3");
});

test("a run is left out only if the same run has a verdict for this commit, or for any if that is wanted", () => {
  expect(hasVerdict([held], key, "aaaaaaa")).toBe(true);
  expect(hasVerdict([{ ...held, result: "broken", broken: [] }], key, "aaaaaaa")).toBe(true);
  expect(hasVerdict([held], key, "bbbbbbb")).toBe(false);
  expect(hasVerdict([held], key, undefined)).toBe(true);
  expect(hasVerdict([{ ...held, result: "error" }], key, undefined)).toBe(false);
  for (const other of [
    { seed: 8 },
    { events: 600 },
    { backend: "postgres" },
    { mapping: "prisma" },
    { shards: 2 },
  ] as const)
    expect(hasVerdict([held], { ...key, ...other }, undefined)).toBe(false);
  const dirty = "aaaaaaa with changes";
  expect(hasVerdict([{ ...held, commit: dirty }], key, dirty)).toBe(false);
});

test("a run with two builds is another one than a run with one build", () => {
  const two = { ...key, otherCommit: "ccccccc" };
  expect(hasVerdict([held], two, undefined)).toBe(false);
  expect(hasVerdict([{ ...held, otherCommit: "ccccccc" }], two, "aaaaaaa")).toBe(true);
  expect(hasVerdict([{ ...held, otherCommit: "ccccccc" }], key, undefined)).toBe(false);
});

test("the table joins the seeds of one kind of run, and names each broken one with its cause", () => {
  const runs: RunRecord[] = [
    ...[3, 1, 2, 9].map((seed) => ({ ...held, seed })),
    { ...held, seed: 10, result: "broken", broken: ["one profile each"], cause: "a machine" },
    { ...held, seed: 11, result: "error" },
    { ...held, seed: 1, backend: "postgres" },
  ];
  const lines = describeRuns(runs).split("\n");
  expect(lines[2]).toBe("| redis, `default`, 2,000 | 1-3, 9-10 | 5 | 4 | 60 | 0.1 | 3 to 3 |");
  expect(lines[3]).toBe("| postgres, `default`, 2,000 | 1 | 1 | 1 | 12 | 0.0 | 3 to 3 |");
  expect(lines.at(-2)).toBe("| 10 on redis, `default`, 2,000 | aaaaaaa | one profile each | a machine |");
});
