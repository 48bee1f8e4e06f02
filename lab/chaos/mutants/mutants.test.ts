import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, test } from "vitest";
import { describeOnRedis } from "../../../tests/harness/backends.ts";
import { untilProfile } from "../../../tests/harness/calls.ts";
import { startSystem } from "../../../tests/harness/system.ts";
import { repository } from "../../stage/repository.ts";
import { buildChanged, findMatches, type MutantBuild } from "./build-mutant.ts";
import { changeSource } from "./change-source.ts";
import { mutants } from "./mutants.ts";
import { testedMutants } from "./tested-mutants.ts";

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

describe("each text that a tested mutant replaces is in the source exactly once, and its test is there", () => {
  test.for(testedMutants)("$name", async (mutant) => {
    const source = await readFile(`${repository}${mutant.within}`, "utf8");
    expect(changeSource(mutant, source)).not.toBe(source);
    expect(existsSync(`${repository}${mutant.test.file}`)).toBe(true);
  });
});

test("there are at least 30 mutants, and each has a name of its own", () => {
  const names = [...mutants, ...testedMutants].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThanOrEqual(30);
});

/**
 * A mutant that crashes by itself would be caught too, and that would prove nothing. Each takes 7 s, so the gate runs those
 * that change most: the migrations, the write, the queue and reconcile. `npm run chaos -- --mutants` tries all.
 */
const tried = new Set(["unique-index", "final-tombstone", "shards-of-others", "watermark-after-commit"]);

describeOnRedis("a mutant works while nothing fails", () => {
  test.for(mutants.filter(({ name }) => tried.has(name)))("$name", async ({ name, patches }) => {
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
