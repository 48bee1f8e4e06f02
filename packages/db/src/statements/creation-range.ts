/** Creation times at Clerk, in milliseconds: exclusive, then inclusive; null for no bound. */
export type CreationRange = { afterMs: number | null; untilMs: number | null };

/**
 * Whether a row `u` is in the range whose bounds these parameters are. Infinite bounds instead of "or $1 is null": with that,
 * a prepared statement would read the whole table for each page.
 */
export const createdWithin = (afterMs: `$${number}`, untilMs: `$${number}`) => `(
  u.clerk_created_at > coalesce(timestamptz 'epoch' + ${afterMs}::bigint * interval '1 millisecond', '-infinity')
  and u.clerk_created_at <= coalesce(timestamptz 'epoch' + ${untilMs}::bigint * interval '1 millisecond', 'infinity')
)`;
