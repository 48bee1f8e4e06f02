import { existsSync } from "node:fs";
import { afterEach, describe, expect, inject, test } from "vitest";
import { untilProfile } from "../../harness/calls.ts";
import { startSystem } from "../../harness/system.ts";
import { buildMutant, type MutantBuild } from "./build-mutant.ts";
import { mutants } from "./mutants.ts";

let build: MutantBuild | undefined;
afterEach(async () => {
  await build?.remove();
  build = undefined;
});

// One that fell over by itself would be caught by every run and prove nothing.
const redisBinary = inject("redisBinary");
const skipped = redisBinary ? "" : " (skipped: no redis-server on PATH)";
describe.skipIf(!redisBinary)(`a mutant still fits the build and works on a quiet day${skipped}`, () => {
  test.for(mutants)("$name", async ({ name }) => {
    build = await buildMutant(name);
    const system = await startSystem({ backend: "redis", redisBinary, root: build.root });
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
