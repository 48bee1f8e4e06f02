import { expect, test } from "vitest";
import { findForbiddenDependencies, findForbiddenImports } from "./arrows.ts";
import { parseSource } from "./source.ts";
import { readPackages, readSources } from "./tree.ts";

const packages = readPackages();

test("the packages depend on each other only along the arrows", () => {
  expect(findForbiddenDependencies(packages)).toEqual([]);
});

test("every import follows the arrows and is declared in its package's package.json", () => {
  expect(findForbiddenImports(readSources(packages), packages)).toEqual([]);
});

const planted: [path: string, text: string, fault: string][] = [
  ["packages/contracts/src/a.ts", 'import { pool } from "@rollcall/db";', "must not import @rollcall/db"],
  ["packages/db/src/a.ts", 'import { syncJob } from "@rollcall/jobs";', "must not import @rollcall/jobs"],
  ["packages/jobs/src/a.ts", 'import type { Row } from "@rollcall/db";', "must not import @rollcall/db"],
  ["packages/clerk/src/a.ts", 'export { syncJob } from "@rollcall/jobs";', "must not import @rollcall/jobs"],
  ["packages/db/src/a.ts", 'export * from "@rollcall/sync";', "must not import @rollcall/sync"],
  [
    "packages/sync/src/a.ts",
    'await import("@rollcall/clerk-simulator");',
    "must not import @rollcall/clerk-simulator",
  ],
  ["packages/clerk-simulator/src/a.ts", 'type A = import("@rollcall/contracts").A;', "must not import"],
  [
    "packages/clerk-simulator/src/a.test.ts",
    'import "@rollcall/contracts";',
    "must not import @rollcall/contracts",
  ],
  [
    "packages/db/src/a.test.ts",
    'import { syncJob } from "@rollcall/jobs";',
    "must not import @rollcall/jobs",
  ],
  ["apps/api/src/a.ts", 'require("@rollcall/worker");', "must not import @rollcall/worker"],
  [
    "apps/api/src/a.ts",
    'import { start } from "@rollcall/clerk-simulator";',
    "must not import @rollcall/clerk-simulator",
  ],
  ["packages/db/src/a.ts", 'import { b } from "../../jobs/src/b.ts";', "reaches into packages/jobs"],
  ["tests/e2e/a.test.ts", 'import { b } from "../../packages/db/src/b.ts";', "reaches into packages/db"],
  ["packages/lost/src/a.ts", "export {};", "belongs to no package"],
];

test.each(planted)("in %s, %s is refused", (path, text, fault) => {
  expect(findForbiddenImports([parseSource(path, text)], packages)).toEqual([expect.stringContaining(fault)]);
});

const noDependencies = { dependencies: [], optionalDependencies: [], devDependencies: [] };

test("the client may import only types of contracts, so that its JavaScript has no import of ours", () => {
  const client = {
    ...noDependencies,
    folder: "packages/client",
    name: "@rollcall/client",
    dependencies: ["@rollcall/contracts"],
  };
  const judge = (text: string) =>
    findForbiddenImports([parseSource("packages/client/src/a.tsx", text)], [client]);
  expect(judge('import type { A } from "@rollcall/contracts";')).toEqual([]);
  expect(judge('import { type A } from "@rollcall/contracts";')).toEqual([
    expect.stringContaining("may import only types"),
  ]);
});

test("an example may import the client and no other package of ours, not even types", () => {
  const example = {
    ...noDependencies,
    folder: "examples/dashboard",
    name: "@rollcall/example-dashboard",
    dependencies: ["@rollcall/client", "@rollcall/contracts"],
  };
  const judge = (text: string) =>
    findForbiddenImports([parseSource("examples/dashboard/src/a.tsx", text)], [example]);
  expect(judge('import { useUserProvisioning } from "@rollcall/client/react";')).toEqual([]);
  expect(judge('import type { UserView } from "@rollcall/contracts";')).toEqual([
    expect.stringContaining("must not import @rollcall/contracts"),
  ]);
});

test("standalone may import the simulator, the local services and contracts, and no other package of ours", () => {
  const standalone = {
    ...noDependencies,
    folder: "apps/standalone",
    name: "@rollcall/standalone",
    dependencies: ["@rollcall/clerk-simulator"],
  };
  const judge = (text: string) =>
    findForbiddenImports([parseSource("apps/standalone/src/a.ts", text)], [standalone]);
  expect(judge('import { startClerkSimulator } from "@rollcall/clerk-simulator";')).toEqual([]);
  expect(judge('import { ensureUser } from "@rollcall/sync";')).toEqual([
    expect.stringContaining("must not import @rollcall/sync"),
  ]);
});

test("an import must be declared in package.json; for shipped code, devDependencies do not count", () => {
  const source = parseSource("packages/db/src/a.ts", 'import { variables } from "@rollcall/contracts";');
  const db = { ...noDependencies, folder: "packages/db", name: "@rollcall/db" };
  const fault = [expect.stringContaining("@rollcall/contracts is not declared")];
  expect(findForbiddenImports([source], [db])).toEqual(fault);
  expect(findForbiddenImports([source], [{ ...db, devDependencies: ["@rollcall/contracts"] }])).toEqual(
    fault,
  );
  expect(findForbiddenImports([source], [{ ...db, dependencies: ["@rollcall/contracts"] }])).toEqual([]);
});

test("a package.json with a forbidden arrow, or missing in the table, is refused", () => {
  const judge = (name: string, change: object) =>
    findForbiddenDependencies([{ ...noDependencies, folder: "packages/x", name, ...change }]);
  expect(judge("@rollcall/jobs", { dependencies: ["@rollcall/db"] })).toHaveLength(1);
  expect(judge("@rollcall/jobs", { devDependencies: ["@rollcall/db"] })).toHaveLength(1);
  expect(judge("@rollcall/jobs", { dependencies: ["@rollcall/clerk-simulator"] })).toHaveLength(1);
  expect(judge("@rollcall/jobs", { devDependencies: ["@rollcall/clerk-simulator"] })).toEqual([]);
  expect(judge("@rollcall/new", {})).toEqual([expect.stringContaining("has no arrows")]);
});
