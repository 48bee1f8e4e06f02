import { z } from "zod";
import type { CatchUpState } from "./catch-up.ts";
import type { EntryKind } from "./organization-candidates.ts";
import type { Pool, Queryable } from "./pool.ts";
import { readRow } from "./rows.ts";
import { inTransaction, readAtLength } from "./transaction.ts";

const row = z.object({
  watermarkMs: z.coerce.number().nullable(),
  surplus: z.number().int(),
  surplusPasses: z.number().int(),
  checkedSurplus: z.number().int(),
});

/** The state that one pass of the incremental sync leaves for the next, for organizations or memberships. */
export async function readEntryCatchUp(db: Queryable, kind: EntryKind): Promise<CatchUpState> {
  const { rows } = await db.query(
    `select watermark_ms as "watermarkMs", surplus, surplus_passes as "surplusPasses", checked_surplus as "checkedSurplus"
     from rollcall.organization_catch_up where kind = $1`,
    [kind],
  );
  return readRow(row, rows);
}

/** Stores that state. The watermark never goes back, and null leaves it. Run it in the transaction that ends the run. */
export async function storeEntryCatchUp(
  db: Queryable,
  kind: EntryKind,
  { watermarkMs, surplus, surplusPasses, checkedSurplus }: CatchUpState,
): Promise<void> {
  await db.query(
    `update rollcall.organization_catch_up set
       watermark_ms = greatest(watermark_ms, $2::bigint), surplus = $3, surplus_passes = $4, checked_surplus = $5
     where kind = $1`,
    [kind, watermarkMs, surplus, surplusPasses, checkedSurplus],
  );
}

const count = {
  organizations: "rollcall.organization_states where deleted_at is null and read_ticket is not null",
  memberships: "rollcall.membership_states where deleted_at is null and membership_id is not null",
} as const;

/** Whether there is a live row of this kind. */
export async function hasLiveEntries(db: Queryable, kind: EntryKind): Promise<boolean> {
  return (await db.query(`select from ${count[kind]} limit 1`)).rows.length > 0;
}

const isRecent = `
select from rollcall.organization_catch_up
where kind = $1 and count_took_ms > 1000 and now() < counted_at + 20 * count_took_ms * interval '1 millisecond'
`;

/**
 * Counts the live rows of one kind without those that are held. It reads a whole table. If that takes more than a second, it
 * is due again only after 20 times as long.
 *
 * @returns undefined while it is not due
 */
export function countEntriesWhenDue(pool: Pool, kind: EntryKind): Promise<number | undefined> {
  return inTransaction(pool, async (client) => {
    if ((await client.query(isRecent, [kind])).rows.length > 0) return undefined;
    const startedAtMs = performance.now();
    const { rows } = await readAtLength(
      client,
      `select count(*)::int as live from ${count[kind]} and held_at is null`,
    );
    const tookMs = Math.round(performance.now() - startedAtMs);
    await client.query(
      "update rollcall.organization_catch_up set counted_at = now(), count_took_ms = $2 where kind = $1",
      [kind, tookMs],
    );
    return readRow(z.object({ live: z.number() }), rows).live;
  });
}
