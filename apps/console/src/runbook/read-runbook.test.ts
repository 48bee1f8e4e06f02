import { readFile } from "node:fs/promises";
import { errorTable } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { readRunbook } from "./read-runbook.ts";

test("every error code has a section that says what it means and how it is fixed", async () => {
  const text = await readFile(new URL("../../../../docs/RUNBOOK.md", import.meta.url), "utf8");
  const sections = readRunbook(text);
  // The one code that is no fault: a wrong address.
  const codes = Object.keys(errorTable).filter((code) => code !== "request.not_found");
  expect(codes.filter((code) => !sections[code]?.means)).toEqual([]);
  expect(codes.filter((code) => !sections[code]?.fix)).toEqual([]);
});

test("a text keeps its code and loses the addresses of its links", () => {
  const sections = readRunbook(
    [
      "### `a.code`",
      "- **Means**: `x` failed, see [the page](#there).",
      "- **Fix**: run `y`.",
      "### A heading without a code",
      "- **Means**: not this one.",
    ].join("\n"),
  );
  expect(sections).toEqual({
    "a.code": { means: "`x` failed, see the page.", check: null, fix: "run `y`." },
  });
});
