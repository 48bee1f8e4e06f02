import type { Plan } from "../plan/plan.ts";

/** The acts and faults of a plan that begin within its first milliseconds. The run ends there, and then heals. */
export function cutPlan(plan: Plan, safetyMs: number): Plan {
  const begins = ({ atMs }: { atMs: number }) => atMs <= safetyMs;
  return {
    ...plan,
    safetyMs,
    acts: plan.acts.filter(begins),
    teamActs: plan.teamActs.filter(begins),
    faults: plan.faults.filter(begins),
  };
}

/** The plan without some of its faults, in the order of their times. */
export function dropFaults(plan: Plan, from: number, count: number): Plan {
  return { ...plan, faults: plan.faults.filter((_, index) => index < from || index >= from + count) };
}
