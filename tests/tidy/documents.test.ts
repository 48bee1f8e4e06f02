import * as contracts from "@rollcall/contracts";
import { expect, test } from "vitest";
import { findMissingSections, findMissingVariables } from "./documents.ts";
import { readText } from "./tree.ts";

const errorCodes = Object.keys(contracts.errorTable);
const variableNames = Object.keys(contracts.variables);

test("every error code has a section in docs/RUNBOOK.md", () => {
  expect(findMissingSections(errorCodes, readText("docs/RUNBOOK.md"))).toEqual([]);
});

test("every variable has a line in .env.example", () => {
  expect(findMissingVariables(variableNames, readText(".env.example"))).toEqual([]);
});

test("a section is a heading with the code in backticks, not a mention", () => {
  const runbook = [
    "## `user.absent`",
    "Unlike `user.deleted`",
    "## user.banned",
    "```sh",
    "# `internal`",
    "```",
  ];
  expect(
    findMissingSections(["user.absent", "user.deleted", "user.banned", "internal"], runbook.join("\n")),
  ).toEqual(["user.deleted", "user.banned", "internal"]);
});

test("one heading may name several codes, and a longer code does not count as a shorter one", () => {
  expect(findMissingSections(["a.b", "c"], "### `a.b`, `c`")).toEqual([]);
  expect(findMissingSections(["unauthenticated"], "### `admin.unauthenticated`")).toEqual([
    "unauthenticated",
  ]);
});

test("a variable's line may be commented out, and a longer name does not count as a shorter one", () => {
  const dotenv = "DATABASE_URL=postgres://\n# REDIS_URL=\nWORKER_PORT=3001\n# about LOG_LEVEL=info";
  expect(findMissingVariables(["DATABASE_URL", "REDIS_URL", "PORT", "LOG_LEVEL"], dotenv)).toEqual([
    "PORT",
    "LOG_LEVEL",
  ]);
});

test("no server of the client kit's README takes a port of npm start, which runs beside it", () => {
  const readme = readText("packages/client/README.md");
  const blocks = [...readme.matchAll(/^```tsx?\n(.*?)^```$/gms)].map(([, code]) => String(code));
  expect(blocks.join()).toContain("listen(4000)");
  expect(blocks.filter((code) => /\b300[0-3]\b/.test(code))).toEqual([]);
});
