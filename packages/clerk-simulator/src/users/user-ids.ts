import { fromBase62, mix, toBase62 } from "../random.ts";

export type UserIds = {
  /** `user_` and 27 base 62 characters, as at Clerk. */
  idOf(slot: number): string;
  emailIdOf(slot: number): string;
  /** The slot of an id; null when this simulator never makes that id. */
  slotOf(id: string): number | null;
};

const multiplier = 0x9e3779b1;
const inverse = modularInverse(multiplier);

/**
 * Ids that encode the slot number, so that a million users need no id table. Six characters are the scrambled slot; the
 * others are a hash, by which an invented id is recognized. The order of ids does not follow age.
 */
export function createUserIds(seed: number): UserIds {
  const key = mix(seed, 1);
  function body(slot: number, salt: number): string {
    let text = `2${toBase62(scramble(slot, key), 6)}`;
    for (let i = 1; i <= 4; i++) text += toBase62(mix(key + salt, slot * 4 + i), 5);
    return text;
  }
  const idOf = (slot: number) => `user_${body(slot, 0)}`;
  function slotOf(id: string): number | null {
    if (id.length !== 32 || !id.startsWith("user_2")) return null;
    const scrambled = fromBase62(id.slice(6, 12));
    if (scrambled === null) return null;
    const slot = unscramble(scrambled, key);
    return idOf(slot) === id ? slot : null;
  }
  return { idOf, emailIdOf: (slot) => `idn_${body(slot, 1)}`, slotOf };
}

function scramble(slot: number, key: number): number {
  const first = Math.imul(slot ^ key, multiplier) >>> 0;
  return Math.imul(first ^ (first >>> 16), multiplier) >>> 0;
}

function unscramble(scrambled: number, key: number): number {
  const first = Math.imul(scrambled, inverse) >>> 0;
  // A shift by half the width is its own inverse.
  return (Math.imul((first ^ (first >>> 16)) >>> 0, inverse) ^ key) >>> 0;
}

/** Newton's iteration modulo 2^32: each round doubles the number of right bits. */
function modularInverse(odd: number): number {
  let result = odd;
  for (let i = 0; i < 5; i++) result = Math.imul(result, 2 - Math.imul(odd, result));
  return result >>> 0;
}
