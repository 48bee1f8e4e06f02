/** Lets so many through at a time; the others wait in their order. */
export type Turnstile = <T>(work: () => Promise<T>) => Promise<T>;

export function createTurnstile(width: number): Turnstile {
  const waiting: (() => void)[] = [];
  let inside = 0;
  return async (work) => {
    if (inside >= width) await new Promise<void>((resolve) => waiting.push(resolve));
    else inside += 1;
    try {
      return await work();
    } finally {
      // Whoever waits takes this place.
      const next = waiting.shift();
      if (next) next();
      else inside -= 1;
    }
  };
}
