import { existsSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { describeOnRedis } from "../../../tests/harness/backends.ts";
import { untilProfile } from "../../../tests/harness/calls.ts";
import { startSystem } from "../../../tests/harness/system.ts";
import { buildMutant, type MutantBuild } from "./build-mutant.ts";
import { mutants } from "./mutants.ts";

let build: MutantBuild | undefined;
afterEach(async () => {
  await build?.remove();
  build = undefined;
});

// One that fell over by itself would be caught by every run and prove nothing.
describeOnRedis("a mutant still fits the build and works on a quiet day", () => {
  test.for(mutants)("$name", async ({ name, patches }) => {
    build = await buildMutant(name);
    const ownTables = patches.some(({ file }) => file.endsWith(".sql"));
    const system = await startSystem({ backend: "redis", root: build.root, ownTables });
    try {
      const person = await system.clerk.users.create();
      expect((await untilProfile(system, person.id)).mentorados).toHaveLength(1);
    } finally {
      await system.stop();
    }
  });
});

test("a mutant's folder is gone once it was removed", async () => {
  const { root, remove } = await buildMutant("cache-drop");
  await remove();
  expect(existsSync(root)).toBe(false);
});
