const windowMs = 10_000;
/** Less than this says nothing of a speed. */
const shortestMs = 500;

/** How fast a count grows, by what was noted within the last ten seconds. */
export type Speedometer = {
  note(count: number, atMs: number): void;
  /** Undefined before enough was noted. */
  perSecond(): number | undefined;
};

export function createSpeedometer(): Speedometer {
  let notes: { count: number; atMs: number }[] = [];
  return {
    note(count, atMs) {
      // A run that begins anew.
      if (count < (notes.at(-1)?.count ?? 0)) notes = [];
      notes.push({ count, atMs });
      const oldest = notes.findLastIndex((noted) => noted.atMs <= atMs - windowMs);
      if (oldest > 0) notes = notes.slice(oldest);
    },
    perSecond() {
      const [first, last] = [notes[0], notes.at(-1)];
      if (!first || !last || last.atMs - first.atMs < shortestMs) return undefined;
      return ((last.count - first.count) * 1_000) / (last.atMs - first.atMs);
    },
  };
}
