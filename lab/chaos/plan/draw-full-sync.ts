import type { Dice, Times } from "./dice.ts";
import type { Fault, FullSyncTrouble } from "./plan.ts";

const sweepWeights: Readonly<Record<FullSyncTrouble, number>> = {
  life: 3,
  kill: 4,
  freeze: 1,
  "empty-list": 3,
  "short-list": 3,
};

/** A lease outlives its holder by 15 s, and then somebody has to come. */
const longestSleepMs = 25_000;

type Moment = {
  atMs: number;
  safetyMs: number;
  /** What takes long to heal may begin now. */
  isEarly: boolean;
  sweeps: Times<FullSyncTrouble> | undefined;
};

/** Draws what happens to a sweep that ops order at this moment. Undefined: not now. */
export function drawFullSync(dice: Dice, { atMs, safetyMs, isEarly, sweeps }: Moment): Fault | undefined {
  const fault = "sweep";
  const meanwhile = dice.weighted(sweepWeights, sweeps);
  // Of a sweep over nobody nothing can be told.
  if (atMs < safetyMs / 5 || (meanwhile === "kill" && !isEarly)) return undefined;
  if (meanwhile === "kill") {
    return { atMs, forMs: Math.min(dice.between(200, 2_000), safetyMs - atMs), fault, meanwhile };
  }
  // What takes long ends when the run does, or another runner has come: a short run waits for it.
  const forMs = meanwhile === "freeze" ? longestSleepMs : dice.between(4_000, 8_000);
  return { atMs, forMs, fault, meanwhile };
}
