import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** Scripts that build first and then run a program, whose output another program may read. */
const builds = /^npm run build\b(.*?)&&/;

test("a script that builds before it runs a program sends the build tool's output to standard error", () => {
  const { scripts } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const found = Object.entries<string>(scripts).flatMap(([name, command]) => {
    const options = builds.exec(command)?.[1];
    return options === undefined || command.includes("vitest") ? [] : [{ name, options }];
  });
  expect(found.map(({ name }) => name)).toContain("sync:clerk-users");
  expect(found.filter(({ options }) => !options.includes("1>&2"))).toEqual([]);
});
