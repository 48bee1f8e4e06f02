import { describe, expect, test } from "vitest";
import {
  findChildrenWithoutFolder,
  findEnvironmentReads,
  findErrorWraps,
  findStarExports,
  findTimerRaces,
  findVagueNames,
} from "./bans.ts";
import { parseSource } from "./source.ts";
import { readPackages, readSources } from "./tree.ts";

const sources = readSources(readPackages());
const parse = (path: string, text = "") => [parseSource(path, text)];

describe("names", () => {
  test("no file is named utils, helpers or common", () => {
    expect(findVagueNames(sources)).toEqual([]);
  });

  test.each([
    "packages/db/src/utils.ts",
    "packages/db/src/util.test.ts",
    "packages/db/src/string-helpers.ts",
    "packages/db/src/helpers/time.ts",
    "apps/api/src/Common.tsx",
    "tests/common/a.ts",
  ])("%s is refused", (path) => expect(findVagueNames(parse(path))).toHaveLength(1));

  test("a longer word that contains one of them is allowed", () => {
    expect(findVagueNames(parse("packages/db/src/commonplace.ts"))).toEqual([]);
  });
});

describe("export *", () => {
  test("no module has an export *", () => {
    expect(findStarExports(sources)).toEqual([]);
  });

  test.each(['export * from "./a.ts";', 'export * as a from "./a.ts";', 'export type * from "./a.ts";'])(
    "%s is refused",
    (text) => expect(findStarExports(parse("packages/db/src/index.ts", text))).toHaveLength(1),
  );
});

describe("the environment", () => {
  test("only a main.ts reads it", () => {
    expect(findEnvironmentReads(sources)).toEqual([]);
  });

  test.each([
    "process.env.PORT;",
    'process["env"];',
    "globalThis.process.env;",
    "process?.env;",
    "const { env } = process;",
    "const { env: environment, argv } = process;",
    'import { env } from "node:process";',
  ])("%s is refused", (text) => {
    expect(findEnvironmentReads(parse("packages/db/src/pool.ts", text))).toEqual([
      expect.stringContaining("packages/db/src/pool.ts:1"),
    ]);
  });

  test("in a main.ts, a test, a comment or a string it is allowed", () => {
    expect(findEnvironmentReads(parse("apps/cli/src/migrate/main.ts", "process.env;"))).toEqual([]);
    expect(findEnvironmentReads(parse("apps/api/src/app.int.test.ts", "process.env;"))).toEqual([]);
    expect(findEnvironmentReads(parse("apps/api/src/app.ts", '"process.env"; // process.env'))).toEqual([]);
  });
});

describe("deadlines", () => {
  test("no module outside of contracts races a timer", () => {
    expect(findTimerRaces(sources)).toEqual([]);
  });

  test.each([
    "await Promise.race([work, sleep(5_000)]);",
    "await Promise.race([work, new Promise((resolve) => setTimeout(resolve, 5_000))]);",
    "const late = sleep(5_000); await Promise.race([work, late]);",
    "await Promise.race([work, late]); const late = new Promise((_, reject) => { timer = setTimeout(reject, 5); });",
  ])("%s is refused", (text) => {
    expect(findTimerRaces(parse("packages/jobs/src/a.ts", text))).toHaveLength(1);
  });

  test("a race without a timer is allowed, and so is a timer in contracts or in a test", () => {
    const race = "await Promise.race([work, sleep(5_000)]);";
    expect(
      findTimerRaces(parse("packages/jobs/src/a.ts", "await Promise.race([work, aborted]); sleep(5);")),
    ).toEqual([]);
    expect(findTimerRaces(parse("packages/contracts/src/with-timeout.ts", race))).toEqual([]);
    expect(findTimerRaces(parse("packages/jobs/src/a.test.ts", race))).toEqual([]);
  });
});

describe("errors of the database", () => {
  test("no module wraps them again", () => {
    expect(findErrorWraps(sources)).toEqual([]);
  });

  test.each(["askPostgres(pool, sql);", 'import { asking } from "@rollcall/db";', ".catch(rethrowWrapped)"])(
    "%s is refused",
    (text) =>
      expect(
        findErrorWraps(parse("packages/sync/src/a.ts", text.replace(/^\./, "work."))).length,
      ).toBeGreaterThan(0),
  );

  test("the word in a comment or as a property is allowed", () => {
    expect(findErrorWraps(parse("packages/sync/src/a.ts", "// asking Clerk\nconst text = 1;"))).toEqual([]);
  });
});

describe("a child process of a test", () => {
  test("has a working directory of its own", () => {
    expect(findChildrenWithoutFolder(sources)).toEqual([]);
  });

  test.each(['spawn("node", []);', 'execFile("npm", ["view"], { env });', "fork(program);"])(
    "%s is refused",
    (text) => expect(findChildrenWithoutFolder(parse("tests/e2e/cli.test.ts", text))).toHaveLength(1),
  );

  test("with one, in a program, or as a method of another name's, it is allowed", () => {
    const text = 'spawn("node", [], { cwd: tmpdir() });';
    expect(findChildrenWithoutFolder(parse("tests/e2e/cli.test.ts", text))).toEqual([]);
    expect(findChildrenWithoutFolder(parse("apps/cli/src/main.ts", "fork(program);"))).toEqual([]);
    expect(findChildrenWithoutFolder(parse("tests/e2e/cli.test.ts", "/a/.exec(text);"))).toEqual([]);
  });
});

test("a file that does not parse is an error", () => {
  expect(() => parseSource("packages/db/src/broken.ts", "import { from")).toThrow(
    "packages/db/src/broken.ts",
  );
});
