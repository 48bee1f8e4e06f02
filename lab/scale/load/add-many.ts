const atOnce = 250;

/** Calls `add` for so many numbers, from `first` on, some of them at once. */
export async function addMany(
  first: number,
  count: number,
  add: (number: number) => Promise<unknown>,
): Promise<void> {
  for (let from = first; from < first + count; from += atOnce) {
    const numbers = Array.from(
      { length: Math.min(atOnce, first + count - from) },
      (_, index) => from + index,
    );
    await Promise.all(numbers.map(add));
  }
}
