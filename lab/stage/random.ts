/** Draws numbers in [0, 1). */
export type Random = () => number;

/**
 * A seeded source of random numbers (mulberry32). A seed repeats all decisions. It does not repeat the machine's timing.
 */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A number in [low, high). */
export function drawBetween(random: Random, low: number, high: number): number {
  return low + random() * (high - low);
}
