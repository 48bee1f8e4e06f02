import { createRandom, drawBetween } from "../../stress/random.ts";

/** Repeatable chance. */
export type Dice = {
  /** Whether something happens that happens in this share of all cases. */
  chance(share: number): boolean;
  /** A whole number from `low` to below `high`. */
  between(low: number, high: number): number;
  pick<T>(items: readonly [T, ...T[]]): T;
  /** One of the keys, each as often as its weight says, or so many times as often. */
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
      // The keys of a record are its keys.
      const keys = Object.keys(weights) as Key[];
      const entries = keys.map((key): [Key, number] => [key, weights[key] * (times[key] ?? 1)]);
      let rest = random() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [key, weight] of entries) {
        rest -= weight;
        if (rest < 0) return key;
      }
      throw new Error("Nothing to choose from");
    },
  };
}
