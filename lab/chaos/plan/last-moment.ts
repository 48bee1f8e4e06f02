/**
 * Until when something may begin that takes long to end: so long before the end of the safety phase, but in a
 * short run within its first third all the same.
 *
 * @returns milliseconds from the start
 */
export function findLastMoment(safetyMs: number, beforeEndMs: number): number {
  return Math.max(safetyMs / 3, safetyMs - beforeEndMs);
}
