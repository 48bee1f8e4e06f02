import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRow } from "./rows.ts";

const row = z.object({
  watermarkMs: z.coerce.number().nullable(),
  surplus: z.number().int(),
  surplusPasses: z.number().int(),
  checkedSurplus: z.number().int(),
});

/** The state that one pass of the incremental sync leaves for the next. */
export type CatchUpState = z.infer<typeof row>;

export async function readCatchUp(db: Queryable): Promise<CatchUpState> {
  const result = await db.query(
    `select watermark_ms as "watermarkMs", surplus, surplus_passes as "surplusPasses", checked_surplus as "checkedSurplus"
     from rollcall.catch_up`,
  );
  return readRow(row, result.rows);
}

/** Raises the watermark, and never lowers it. Run it in the transaction that ends a complete run. */
export async function raiseWatermark(db: Queryable, watermarkMs: number): Promise<void> {
  // greatest() ignores nulls.
  await db.query("update rollcall.catch_up set watermark_ms = greatest(watermark_ms, $1::bigint)", [
    watermarkMs,
  ]);
}

/** Stores the difference between the user counts of Rollcall and Clerk. */
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
