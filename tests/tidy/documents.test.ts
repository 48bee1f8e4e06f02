import * as contracts from "@rollcall/contracts";
import { expect, test } from "vitest";
import {
  findMissingSections,
  findMissingTests,
  findMissingVariables,
  readPackageTable,
} from "./documents.ts";
import { listFiles, readPackages, readText } from "./tree.ts";

const errorCodes = Object.keys(contracts.errorTable);
const variableNames = Object.keys(contracts.variables);

test("every error code has a section in docs/RUNBOOK.md", () => {
  expect(findMissingSections(errorCodes, readText("docs/RUNBOOK.md"))).toEqual([]);
});

test("every variable has a line in .env.example", () => {
  expect(findMissingVariables(variableNames, readText(".env.example"))).toEqual([]);
});

test.each(["docs/SECURITY.md", "docs/INVARIANTS.md"])("every test that %s names exists", (page) => {
  expect(readText(page).match(/\.test\.ts/g)?.length).toBeGreaterThan(30);
  expect(findMissingTests(readText(page), listFiles())).toEqual([]);
});

test("a test is named by its path, or by the end of it that begins with a folder or the file", () => {
  const files = ["tests/e2e/health.test.ts", "packages/db/src/users.int.test.ts"];
  const page = "`tests/e2e/health.test.ts`, `users.int.test.ts`, `src/users.int.test.ts`, `sers.int.test.ts`";
  expect(findMissingTests(`${page}; \`users.test.ts\``, files)).toEqual([
    "sers.int.test.ts",
    "users.test.ts",
  ]);
});

test("docs/SECURITY.md lists the packages that run in production, and no other", () => {
  const development = ["client", "clerk-simulator", "local-services"].map((name) => `packages/${name}`);
  const inImage = readPackages().filter(
    ({ folder }) =>
      (folder.startsWith("packages/") && !development.includes(folder)) ||
      ["apps/api", "apps/worker", "apps/cli"].includes(folder),
  );
  const bundled = readPackages()
    .find(({ folder }) => folder === "apps/console")
    ?.devDependencies.filter((name) => !/^(@types\/|@vitejs\/|vite$|@rollcall\/)/.test(name));
  const run = [...inImage.flatMap(({ dependencies }) => dependencies), ...(bundled ?? [])];
  expect(readPackageTable(readText("docs/SECURITY.md"), "## Dependencies").toSorted()).toEqual(
    [...new Set(run.filter((name) => !name.startsWith("@rollcall/")))].toSorted(),
  );
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
