import { createDice, type Times } from "./dice.ts";
import { type ActEmphasis, drawActs } from "./draw-acts.ts";
import { drawFaults, type FaultKind } from "./draw-faults.ts";
import type { FullSyncTrouble, Plan } from "./plan.ts";

/** What a run that looks for one thing holds more of. */
export type Emphasis = {
  acts?: ActEmphasis;
  faults?: Times<FaultKind>;
  sweeps?: Times<FullSyncTrouble>;
  /** How many times as long as usual all takes, so that jobs wait for what the faults slow down and not for a core. */
  slower?: number;
  /** Instead of what the seed says. */
  reconciles?: boolean;
};

export type PlanOptions = {
  seed: number;
  events: number;
  backend: Plan["backend"];
  /** False: nothing goes wrong but deliveries. */
  faults: boolean;
  emphasis?: Emphasis | undefined;
};

const leastSafetyMs = 4_000;
/** Eighty events a second or so are more than two busy cores need to be kept at work. */
const msPerEvent = 10.5;

/** Draws a whole run from its seed. Life and faults have chances of their own: to leave faults out changes no life. */
export function drawPlan({ seed, events, backend, faults, emphasis }: PlanOptions): Plan {
  const safetyMs = Math.round((leastSafetyMs + events * msPerEvent) * (emphasis?.slower ?? 1));
  // Every other seed, and no chance: each few seeds hold both kinds.
  const reconciles = emphasis?.reconciles ?? seed % 2 === 0;
  const { faults: times, sweeps } = emphasis ?? {};
  return {
    seed,
    backend,
    safetyMs,
    reconciles,
    acts: drawActs(createDice(seed * 2 + 1), events, safetyMs, emphasis?.acts),
    faults: faults
      ? drawFaults(createDice(seed * 2 + 2), { backend, safetyMs, reconciles, times, sweeps })
      : [],
  };
}
