import { expect, test } from "vitest";
import { createTerminal } from "./terminal.ts";

test("text of others is printed as one line, without its own sequences", () => {
  let printed = "";
  const terminal = createTerminal((text) => {
    printed += text;
  }, true);
  terminal.write("two\nlines \u001b]0;title\u0007");
  terminal.showEvents();
  terminal.showEvent("bad", "The \u001b[2J\u202ename\nOK");
  const [first, second, third, end] = printed.split("\n");
  expect([first, second, end]).toEqual(["two", "lines \ufffd]0;title\ufffd", ""]);
  expect(third).toContain("The \ufffd[2J\ufffdname\ufffdOK");
  // The terminal's own colours stay.
  expect(third).toContain("\u001b[33m");
});
