import type { Plan } from "../plan/plan.ts";
import { cutPlan, dropFaults } from "./cut-plan.ts";

/** How often a shorter plan failed. The machine's timing decides too, so one run that holds proves little. */
export type Attempt = { plan: Plan; failed: number; tries: number };

export type Shortened = { shortest: Plan; attempts: readonly Attempt[] };

/** A plan is not tried more often than this before it counts as one that holds. */
const mostTriesOfOne = 2;
/** Half a second holds about fifty events. */
const finestMs = 500;

/**
 * Searches the shortest plan that still fails: first the shortest beginning, by bisection, then fewer faults, half of them
 * at a time, then a quarter, and so on.
 *
 * @param fails runs a plan and says whether the same invariant is broken
 * @param mostTries runs at most so many plans
 */
export async function shortenPlan(
  plan: Plan,
  fails: (plan: Plan) => Promise<boolean>,
  mostTries: number,
): Promise<Shortened> {
  const attempts: Attempt[] = [];
  let left = mostTries;

  /** @returns undefined if no try is left */
  async function attempt(shorter: Plan): Promise<boolean | undefined> {
    if (left === 0) return undefined;
    const one: Attempt = { plan: shorter, failed: 0, tries: 0 };
    attempts.push(one);
    while (left > 0 && one.tries < mostTriesOfOne && one.failed === 0) {
      left -= 1;
      if (await fails(shorter)) one.failed += 1;
      one.tries += 1;
    }
    return one.failed > 0;
  }

  let shortest = plan;
  let heldMs = 0;
  // A beginning gets half of the tries, so that some are left for the faults.
  while (left > mostTries / 2 && shortest.safetyMs - heldMs > finestMs) {
    const middleMs = Math.round((heldMs + shortest.safetyMs) / 2);
    const shorter = cutPlan(shortest, middleMs);
    if (await attempt(shorter)) shortest = shorter;
    else heldMs = middleMs;
  }
  for (let part = Math.ceil(shortest.faults.length / 2); left > 0 && part > 0; ) {
    for (let from = 0; left > 0 && from < shortest.faults.length; ) {
      const shorter = dropFaults(shortest, from, part);
      if (await attempt(shorter)) shortest = shorter;
      else from += part;
    }
    part = part === 1 ? 0 : Math.ceil(part / 2);
  }
  return { shortest, attempts };
}

/** What a search found, a line for each plan that was tried. */
export function describeShortened(plan: Plan, { shortest, attempts }: Shortened): string[] {
  const size = ({ safetyMs, acts, faults }: Plan) =>
    `the first ${safetyMs} ms, ${acts.length} events, ${faults.length} faults`;
  const found = attempts.find((one) => one.plan === shortest);
  return [
    found
      ? `  shortest plan that failed (${found.failed} of ${found.tries} runs): ${size(shortest)}`
      : `  no shorter plan failed than ${size(plan)}`,
    ...attempts.map((one) => `    ${one.failed} of ${one.tries} runs failed with ${size(one.plan)}`),
  ];
}
