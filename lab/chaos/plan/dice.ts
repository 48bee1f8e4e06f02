import { createRandom, drawBetween } from "../../stage/random.ts";

/** Repeatable random decisions. */
export type Dice = {
  /** true in this share of all calls. */
  chance(share: number): boolean;
  /** A whole number from `low` to below `high`. */
  between(low: number, high: number): number;
  pick<T>(items: readonly [T, ...T[]]): T;
  /** One of the keys, with a probability proportional to its weight times its factor. */
  weighted<Key extends string>(weights: Readonly<Record<Key, number>>, times?: Times<Key>): Key;
};

export type Times<Key extends string> = Partial<Readonly<Record<Key, number>>>;

export function createDice(seed: number): Dice {
  const random = createRandom(seed);
  const between = (low: number, high: number) => Math.floor(drawBetween(random, low, high));
  return {
    chance: (share) => random() < share,
    between,
    pick: (items) => items[between(0, items.length)] ?? items[0],
    weighted: <Key extends string>(weights: Readonly<Record<Key, number>>, times: Times<Key> = {}) => {
      // Object.keys is typed for objects with unknown further keys. A weights record has none.
      const keys = Object.keys(weights) as Key[];
      const entries = keys.map((key): [Key, number] => [key, weights[key] * (times[key] ?? 1)]);
      let rest = random() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [key, weight] of entries) {
        rest -= weight;
        if (rest < 0) return key;
      }
      throw new Error("All weights are 0");
    },
  };
}
