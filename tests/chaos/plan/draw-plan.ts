import { createDice } from "./dice.ts";
import { drawActs } from "./draw-acts.ts";
import { drawFaults } from "./draw-faults.ts";
import type { Plan } from "./plan.ts";

export type PlanOptions = {
  seed: number;
  events: number;
  backend: Plan["backend"];
  /** False: nothing goes wrong but deliveries. */
  faults: boolean;
};

const leastSafetyMs = 4_000;
/** Eighty events a second or so are more than two busy cores need to be kept at work. */
const msPerEvent = 10.5;

/** Draws a whole run from its seed. Life and faults have chances of their own: to leave faults out changes no life. */
export function drawPlan({ seed, events, backend, faults }: PlanOptions): Plan {
  const safetyMs = Math.round(leastSafetyMs + events * msPerEvent);
  return {
    seed,
    backend,
    safetyMs,
    acts: drawActs(createDice(seed * 2 + 1), events, safetyMs),
    faults: faults ? drawFaults(createDice(seed * 2 + 2), backend, safetyMs) : [],
  };
}
