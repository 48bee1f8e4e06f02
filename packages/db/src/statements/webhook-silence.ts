import type { Queryable } from "../pool.ts";

const missed = `
select coalesce(sum(missed), 0)::int as missed from rollcall.runs
where mode = 'catch-up' and not dry_run and requested_at > now() - interval '1 hour'
`;

/** Changes that catch-up found within the last hour, and that webhooks were due to have told of. */
export async function countMissedByWebhooks(db: Queryable): Promise<number> {
  const result = await db.query<{ missed: number }>(missed);
  return result.rows[0]?.missed ?? 0;
}
