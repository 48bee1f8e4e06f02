const base62Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Pairs of digits, for speed: pages of users are mostly ids. */
const digitPairs = [...base62Alphabet].flatMap((high) => [...base62Alphabet].map((low) => high + low));

export type Random = {
  /** A number in [0, 1). */
  next(): number;
  /** An integer in [0, below). */
  integer(below: number): number;
  base62(length: number): string;
  shuffle<T>(items: readonly T[]): T[];
};

/** A reproducible random source (mulberry32): the same seed always gives the same sequence. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    return mix(state, 0) / 2 ** 32;
  }
  function integer(below: number): number {
    return Math.floor(next() * below);
  }
  function base62(length: number): string {
    let text = "";
    while (text.length < length) text += base62Alphabet.charAt(integer(62));
    return text;
  }
  function shuffle<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, key: next() }))
      .sort((a, b) => a.key - b.key)
      .map(({ item }) => item);
  }
  return { next, integer, base62, shuffle };
}

/** A well-mixed unsigned 32-bit number from two others; equal inputs give equal results. */
export function mix(a: number, b: number): number {
  let h = (a ^ Math.imul(b, 0x9e3779b1)) >>> 0;
  h = Math.imul(h ^ (h >>> 15), h | 1);
  h ^= h + Math.imul(h ^ (h >>> 7), h | 61);
  return (h ^ (h >>> 14)) >>> 0;
}

/** The lowest digits of an unsigned 32-bit number in base 62. Six digits hold all 32 bits. */
export function toBase62(value: number, digits: number): string {
  let rest = value;
  let text = "";
  for (let missing = digits; missing > 0; missing -= 2) {
    const pair = digitPairs[rest % 3844] ?? "";
    text = (missing === 1 ? pair.charAt(1) : pair) + text;
    rest = Math.floor(rest / 3844);
  }
  return text;
}

/** The reverse of `toBase62`; null for a character that is not a base 62 digit, or a value over 32 bits. */
export function fromBase62(text: string): number | null {
  let value = 0;
  for (const character of text) {
    const digit = base62Alphabet.indexOf(character);
    if (digit < 0) return null;
    value = value * 62 + digit;
  }
  return value < 2 ** 32 ? value : null;
}
