import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { formatTable, printJson, printLines, say } from "./print.ts";

const evil = "\u001b[2J\u009b1Aana\u202e\r\nOK";

let printed: string;
beforeEach(() => {
  printed = "";
  const write = (text: unknown) => {
    printed += String(text);
    return true;
  };
  vi.spyOn(process.stdout, "write").mockImplementation(write);
  vi.spyOn(process.stderr, "write").mockImplementation(write);
});
afterEach(() => vi.restoreAllMocks());

test("a line, a cell and a message hold no sequence of others", () => {
  printLines([evil, ...formatTable([["name", evil]])]);
  say(evil);
  expect(printed.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(printed.split("\n")).toEqual([
    "\ufffd[2J\ufffd1Aana\ufffd\ufffd\ufffdOK",
    "  name  \ufffd[2J\ufffd1Aana\ufffd\ufffd\ufffdOK",
    "\ufffd[2J\ufffd1Aana\ufffd\ufffd",
    "OK",
    "",
  ]);
});

test("a JSON document keeps the text and shows its characters as escapes", () => {
  printJson({ name: evil });
  expect(printed.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(JSON.parse(printed)).toEqual({ name: evil });
});
