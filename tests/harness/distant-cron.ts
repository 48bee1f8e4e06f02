const dayMs = 24 * 60 * 60_000;

/**
 * A schedule in UTC that is next due in 364 days or later. The default of three in the morning would start a run in
 * the middle of a test that runs at that hour.
 *
 * @param daysAgo the day on which it was last due
 */
export function makeDistantCron(daysAgo = 1): string {
  const past = new Date(Date.now() - daysAgo * dayMs);
  return `${past.getUTCMinutes()} ${past.getUTCHours()} ${past.getUTCDate()} ${past.getUTCMonth() + 1} *`;
}
