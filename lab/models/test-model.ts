import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { chooseTraces, type Trace, traceTo } from "./choose-traces.ts";
import { Difference, type Replica, replay } from "./replay.ts";
import { checkModel } from "./spin.ts";

/** Some hundred steps are a few seconds of work. On a crowded machine they took two minutes. */
const slackMs = 600_000;

export type ModelTest = {
  /** The model's file without `.pml`. */
  model: string;
  /** The macro of a variant, for another database. */
  variant?: string;
  /** The replicas need Redis. */
  needsRedis?: boolean;
  /** Macros of the model, each of which puts a known bug into it. */
  bugs: readonly string[];
  /** Variables whose values make a step another one: see `chooseTraces`. */
  situation: readonly string[];
  /** Starts the services of the replicas. */
  open(): Promise<{
    /** The real thing in the model's first state. */
    create(): Promise<Replica & { end?(): Promise<void> }>;
    close(): Promise<void>;
  }>;
};

/**
 * Declares the tests of a model: its invariants hold in every state, each known bug breaks one, and the real thing takes the
 * model's steps and comes to the model's states. With the steps of a known bug it comes to other ones.
 */
export function testModel({ model, variant, needsRedis, bugs, situation, open }: ModelTest): void {
  const macros = variant === undefined ? [] : [variant];
  const name = [model, ...macros].join(", ");
  const missing = [
    ...(hasSpin() ? [] : ["spin or gcc"]),
    ...(needsRedis && !inject("redisBinary") ? ["Redis"] : []),
  ];
  const skipped = missing.length > 0 ? ` (skipped: no ${missing.join(", no ")})` : "";
  describe.skipIf(skipped !== "")(`the model ${name}${skipped}`, () => {
    let services: Awaited<ReturnType<typeof open>>;
    beforeAll(async () => {
      services = await open();
    });
    afterAll(async () => {
      await services?.close();
    });

    async function replayOne(trace: Trace): Promise<void> {
      const { end, ...replica } = await services.create();
      try {
        await replay(replica, trace);
      } finally {
        await end?.();
      }
    }

    test("holds its invariants in every state, and the real thing takes the same steps", {
      timeout: slackMs,
    }, async () => {
      const { steps, broken } = await checkModel(model, macros);
      expect(broken).toBeUndefined();
      for (const trace of chooseTraces(steps, situation)) await replayOne(trace);
    });

    test.each(bugs)("finds %s, and the real thing does not come to the broken state", async (bug) => {
      const { steps, broken } = await checkModel(model, [...macros, bug]);
      if (!broken) throw new Error("The known bug breaks no invariant");
      await expect(replayOne(traceTo(steps, broken))).rejects.toThrow(Difference);
    });
  });
}

/** With `CI=true` a machine without Spin fails the tests. */
function hasSpin(): boolean {
  try {
    for (const [program, option] of [
      ["spin", "-V"],
      ["gcc", "--version"],
    ] as const)
      execFileSync(program, [option], { stdio: "ignore" });
    return true;
  } catch {
    if (process.env["CI"] === "true")
      throw new Error("CI must check the models too: put spin and gcc on PATH");
    return false;
  }
}
