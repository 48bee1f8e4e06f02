import { expect, test } from "vitest";
import { isTest, listFiles, readText } from "./tree.ts";

/** They print texts of their own, and may not import contracts. */
const ownTexts = /^(packages\/clerk-simulator|packages\/local-services|examples)\//;

/** Writes to the terminal that do not go through the escaper of contracts. */
function findRawWrites(path: string, text: string): string[] {
  return text.split("\n").flatMap((line, index) => {
    const written = /\b(?:process\.)?(?:stdout|stderr)\.write\((.*)$/.exec(line)?.[1];
    if (written === undefined || written.includes("toPrintable") || /^"[^"]*"\)/.test(written)) return [];
    return [`${path}:${index + 1}: use toPrintable or toPrintableLines of contracts`];
  });
}

test("every text that reaches a terminal goes through the one escaper", () => {
  const files = listFiles().filter(
    (path) => /^(apps|packages)\/[^/]+\/src\/.*\.tsx?$/.test(path) && !isTest(path) && !ownTexts.test(path),
  );
  expect(files.length).toBeGreaterThan(100);
  expect(files.flatMap((path) => findRawWrites(path, readText(path)))).toEqual([
    // Hands standard output to the terminal, which escapes.
    expect.stringContaining("apps/standalone/src/main.ts"),
  ]);
});

test.each([
  ["process.stdout.write(`Name: ", 1],
  ["process.stderr.write(text);", 1],
  ["const { stdout } = process; stdout.write(", 1],
  ['process.stdout.write(toPrintable(name) + "\\n");', 0],
  ['process.stderr.write("Not ready\\n");', 0],
])("%s has %i raw writes", (text, count) => expect(findRawWrites("a.ts", text)).toHaveLength(count));
