export type Point = { atMs: number; value: number };

const minuteMs = 60_000;

/**
 * The lowest value of each minute, which is nearest to the value after a garbage collection. A minute with fewer than
 * three points does not count.
 */
export function takeFloors(points: readonly Point[]): Point[] {
  const [first] = points;
  if (!first) return [];
  const minutes = new Map<number, Point[]>();
  for (const point of points) {
    const minute = Math.floor((point.atMs - first.atMs) / minuteMs);
    minutes.set(minute, [...(minutes.get(minute) ?? []), point]);
  }
  return [...minutes.values()]
    .filter((minute) => minutes.size === 1 || minute.length > 2)
    .map((minute) => minute.reduce((lowest, point) => (point.value < lowest.value ? point : lowest)));
}

/** The slope per hour of the line that fits best (least squares); undefined for fewer than two points. */
export function fitSlopePerHour(points: readonly Point[]): number | undefined {
  if (points.length < 2) return undefined;
  const meanAtMs = mean(points.map(({ atMs }) => atMs));
  const meanValue = mean(points.map(({ value }) => value));
  const rise = sum(points.map(({ atMs, value }) => (atMs - meanAtMs) * (value - meanValue)));
  const run = sum(points.map(({ atMs }) => (atMs - meanAtMs) ** 2));
  return run === 0 ? undefined : (rise / run) * 3_600_000;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
