import type { StressPlan } from "./plan.ts";
import { drawBetween, type Random } from "./random.ts";

/** What a run meets. */
export type Fate = { durationMs: number; ending: "finished" | "failed" | "limited" };

const outageSlotMs = 500;

/**
 * Draws a run's fate. An outage meets all workers at once, as a dependency's would; every fortieth user never
 * succeeds and must become a dead letter; some runs last longer than a job's lock.
 */
export function drawFate(plan: StressPlan, clerkId: string, random: Random): Fate {
  if (!plan.mishaps) return { durationMs: 0, ending: "finished" };
  const slot = Math.floor((Date.now() - plan.startedAtMs) / outageSlotMs);
  if (isOutage(plan.seed, slot)) return { durationMs: drawBetween(random, 0, 50), ending: "limited" };
  const poisoned = Number(clerkId.slice("user_".length)) % 40 === 0;
  const ending = poisoned || random() < 0.08 ? "failed" : "finished";
  return { durationMs: drawDurationMs(random), ending };
}

function isOutage(seed: number, slot: number): boolean {
  return (Math.imul(slot + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b)) >>> 0 < 0.04 * 2 ** 32;
}

function drawDurationMs(random: Random): number {
  const draw = random();
  if (draw < 0.8) return drawBetween(random, 0, 30);
  return draw < 0.98 ? drawBetween(random, 30, 300) : drawBetween(random, 300, 2_500);
}
