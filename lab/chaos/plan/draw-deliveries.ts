import type { Dice } from "./dice.ts";
import type { Delivery } from "./plan.ts";

/** What becomes of an event's webhook, and how often in a hundred. */
const ways = { prompt: 74, shuffled: 8, late: 8, tenfold: 4, lost: 6 } as const;

/** Draws the copies of one event's message. None: it is lost. */
export function drawDeliveries(dice: Dice): Delivery[] {
  const way = dice.weighted(ways);
  switch (way) {
    case "lost":
      return [];
    case "prompt":
      return [drawDelivery(dice, 40)];
    case "shuffled":
      return [drawDelivery(dice, 800)];
    case "late":
      return [{ ...drawDelivery(dice, 3_000), afterMs: dice.between(1_000, 4_000) }];
    case "tenfold":
      return Array.from({ length: 10 }, () => drawDelivery(dice, 1_500));
    default:
      return way satisfies never;
  }
}

/** One copy that certainly arrives. */
export function drawDelivery(dice: Dice, longestMs: number): Delivery {
  return { afterMs: dice.between(0, longestMs), api: dice.between(0, 2) };
}
