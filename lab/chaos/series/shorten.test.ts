import { expect, test } from "vitest";
import { drawPlan } from "../plan/draw-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { describeShortened, shortenPlan } from "../shorten/shorten-plan.ts";

const plan = drawPlan({ seed: 7, events: 600, backend: "redis", app: "default", faults: true });
const culprit = plan.faults[3];

/** Fails while the plan has one fault and lasts for a second after it. */
const needsCulprit = async ({ faults, safetyMs }: Plan) =>
  faults.some((one) => one === culprit) && safetyMs > (culprit?.atMs ?? 0) + 1_000;

test("the shortest plan ends within half a second after the moment that breaks it, with the one fault that is needed", async () => {
  const { shortest, attempts } = await shortenPlan(plan, needsCulprit, 60);
  expect(shortest.faults).toEqual([culprit]);
  expect(shortest.safetyMs - (culprit?.atMs ?? 0)).toBeLessThanOrEqual(1_500);
  expect(shortest.acts.every(({ atMs }) => atMs <= shortest.safetyMs)).toBe(true);
  expect(attempts.reduce((sum, { tries }) => sum + tries, 0)).toBeLessThanOrEqual(60);
});

test("a plan that fails in every second run is shortened too, and the lines say how often each one failed", async () => {
  let runs = 0;
  const shortened = await shortenPlan(plan, async (one) => (await needsCulprit(one)) && ++runs % 2 === 0, 40);
  expect(shortened.shortest.safetyMs).toBeLessThan(plan.safetyMs);
  expect(describeShortened(plan, shortened).join("\n")).toContain("1 of 2 runs failed");
});

test("no more plans are run than is allowed, and a search that finds none says so", async () => {
  let runs = 0;
  const shortened = await shortenPlan(plan, async () => ++runs < 0, 5);
  expect(runs).toBe(5);
  expect(describeShortened(plan, shortened)[0]).toContain("no shorter plan failed");
});
