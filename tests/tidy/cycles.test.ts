import { expect, test } from "vitest";
import { findCycles } from "./cycles.ts";
import { parseSource } from "./source.ts";
import { readPackages, readSources } from "./tree.ts";

test("there is no import cycle", () => {
  expect(findCycles(readSources(readPackages()))).toEqual([]);
});

test.each(["import { b } from", "import type { B } from", "export { b } from"])(
  "a cycle closed by %s is found",
  (start) => {
    const sources = [
      parseSource("packages/db/src/a.ts", `${start} "./rules/b.ts";`),
      parseSource("packages/db/src/rules/b.ts", 'import { c } from "../c.ts";'),
      parseSource("packages/db/src/c.ts", 'import { a } from "./a.ts";'),
    ];
    const around = ["packages/db/src/a.ts", "packages/db/src/rules/b.ts", "packages/db/src/c.ts"];
    expect(findCycles(sources)).toEqual([[...around, around[0]].join(" -> ")]);
  },
);

test("two paths to the same module are not a cycle", () => {
  const sources = [
    parseSource("packages/db/src/a.ts", 'import "./b.ts"; import "./c.ts";'),
    parseSource("packages/db/src/b.ts", 'import "./c.ts";'),
    parseSource("packages/db/src/c.ts", ""),
  ];
  expect(findCycles(sources)).toEqual([]);
});
