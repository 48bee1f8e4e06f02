import { existsSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { describeOnRedis } from "../../../tests/harness/backends.ts";
import { untilProfile } from "../../../tests/harness/calls.ts";
import { startSystem } from "../../../tests/harness/system.ts";
import { repository } from "../../stage/repository.ts";
import { buildChanged, findMatches, type MutantBuild } from "./build-mutant.ts";
import { mutants } from "./mutants.ts";

let build: MutantBuild | undefined;
afterEach(async () => {
  await build?.remove();
  build = undefined;
});

describe("each text that a mutant replaces is in the build exactly once", () => {
  test.for(mutants)("$name", async ({ patches }) => {
    for (const patch of patches) {
      const files = await findMatches(repository, patch);
      expect(files, `${patch.find} in ${patch.within}`).toHaveLength(1);
    }
  });
});

// Every run would catch a mutant that crashes by itself, and that would prove nothing.
describeOnRedis("a mutant works while nothing fails", () => {
  test.for(mutants)("$name", async ({ name, patches }) => {
    build = await buildChanged(name, patches);
    const ownTables = patches.some(({ within }) => within.endsWith("migrations"));
    const system = await startSystem({ backend: "redis", root: build.root, ownTables });
    try {
      const user = await system.clerk.users.create();
      expect((await untilProfile(system, user.id)).mentorados).toHaveLength(1);
    } finally {
      await system.stop();
    }
  });
});

test("a mutant's folder is gone after its removal", async () => {
  const { root, remove } = await buildChanged("unchanged", []);
  await remove();
  expect(existsSync(root)).toBe(false);
});
