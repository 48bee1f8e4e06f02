import { z } from "zod";
import type { Queryable } from "../pool.ts";

const row = z.object({
  watermarkMs: z.coerce.number().nullable(),
  surplus: z.number().int(),
  surplusPasses: z.number().int(),
  checkedSurplus: z.number().int(),
});

/** What one catch-up pass leaves for the next. */
export type CatchUpState = z.infer<typeof row>;

export async function readCatchUp(db: Queryable): Promise<CatchUpState> {
  const result = await db.query(
    `select watermark_ms as "watermarkMs", surplus, surplus_passes as "surplusPasses", checked_surplus as "checkedSurplus"
     from rollcall.catch_up`,
  );
  return row.parse(result.rows[0]);
}

/** Moves the watermark, never back. Run it in the transaction that ends a complete run. */
export async function raiseWatermark(db: Queryable, watermarkMs: number): Promise<void> {
  // greatest() passes over nulls.
  await db.query("update rollcall.catch_up set watermark_ms = greatest(watermark_ms, $1::bigint)", [
    watermarkMs,
  ]);
}

/** Remembers how the counts of users differ. */
export async function storeSurplus(
  db: Queryable,
  { surplus, surplusPasses, checkedSurplus }: Omit<CatchUpState, "watermarkMs">,
): Promise<void> {
  await db.query("update rollcall.catch_up set surplus = $1, surplus_passes = $2, checked_surplus = $3", [
    surplus,
    surplusPasses,
    checkedSurplus,
  ]);
}

/** Live users here, and those among them whose deletion is held. */
export async function countUsers(db: Queryable): Promise<{ live: number; held: number }> {
  const result = await db.query<{ live: number; held: number }>(
    `select
       (select count(*)::int from public.users where deleted_at is null) as live,
       (select count(*)::int from rollcall.held_deletions h
        join public.users u using (clerk_id) where u.deleted_at is null) as held`,
  );
  return result.rows[0] ?? { live: 0, held: 0 };
}

/** Whether there is any live user here. */
export async function hasLiveUsers(db: Queryable): Promise<boolean> {
  const result = await db.query<{ found: boolean }>(
    "select exists (select from public.users where deleted_at is null) as found",
  );
  return result.rows[0]?.found === true;
}
