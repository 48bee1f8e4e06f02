import { createEventCounter } from "@rollcall/runtime";

/** Wrong passwords that cost nothing but themselves. From then on, each attempt waits before it is looked at. */
const freePerMinute = { address: 20, total: 100 } as const;
const waitPerExcessMs = 10;
const longestWaitMs = 2_000;

export type Guesses = {
  /** How long an attempt from `address` waits before its password is looked at. */
  beginAttempt(address: string): number;
  endAttempt(address: string): void;
  /** @returns milliseconds until the address may guess again, if this wrong password was one too many */
  countWrong(address: string): number | undefined;
};

/**
 * Wrong passwords of the last minute, by address and in total. Attempts are slowed down and never refused unseen, because
 * behind one proxy an operator and a guesser may have the same address. The wait comes before the comparison: if it came
 * after a wrong one, a guesser would know the result at once.
 */
export function createGuesses(): Guesses {
  const wrong = createEventCounter(60_000);
  const waiting = new Map<string, number>();
  const total = "all addresses";
  const excess = (key: string, free: number) => wrong.read(key) + (waiting.get(key) ?? 0) - free;
  const addWaiting = (key: string, by: number) => {
    const count = (waiting.get(key) ?? 0) + by;
    if (count > 0) waiting.set(key, count);
    else waiting.delete(key);
  };
  return {
    beginAttempt: (address) => {
      const over = Math.max(0, excess(address, freePerMinute.address), excess(total, freePerMinute.total));
      for (const key of [address, total]) addWaiting(key, 1);
      return Math.min(over * waitPerExcessMs, longestWaitMs);
    },
    endAttempt: (address) => {
      for (const key of [address, total]) addWaiting(key, -1);
    },
    countWrong: (address) => {
      wrong.add(total);
      return wrong.add(address) > freePerMinute.address ? wrong.readMsLeft(address) : undefined;
    },
  };
}
