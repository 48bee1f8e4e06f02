import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRow, readRows } from "./rows.ts";

const row = z.object({
  watermarkMs: z.coerce.number().nullable(),
  surplus: z.number().int(),
  surplusPasses: z.number().int(),
  checkedSurplus: z.number().int(),
});

/** The state that one pass of the incremental sync leaves for the next. */
export type CatchUpState = z.infer<typeof row>;

const coverRow = z.object({ runId: z.coerce.number(), untilMs: z.coerce.number() });

/** An open full sync that began after every change up to a time, so that its end covers them. */
export type Cover = z.infer<typeof coverRow>;

const findOpenCover = `
select id as "runId", watermark_ms as "untilMs" from rollcall.runs
where mode = 'full' and not dry_run and state in ('waiting', 'running') and watermark_ms > $1
`;

/** @returns undefined without an open full sync that covers more than the changes up to the watermark */
export async function findCoverBeyond(db: Queryable, watermarkMs: number | null): Promise<Cover | undefined> {
  return readRows(coverRow, (await db.query(findOpenCover, [watermarkMs])).rows)[0];
}

const extend = `
update rollcall.runs set watermark_ms = greatest(watermark_ms, $2::bigint)
where id = $1 and state in ('waiting', 'running')
`;

/**
 * Extends the time up to which an open full sync covers the changes: other passes wrote those behind it. It does nothing
 * for a run that is over, because its end has raised the watermark already, or never will.
 */
export async function extendCover(db: Queryable, runId: number, untilMs: number): Promise<void> {
  await db.query(extend, [runId, untilMs]);
}

/** Raises the watermark to the time that a full sync covers. Run it in the transaction that ends the run. */
export async function raiseWatermarkToCover(db: Queryable, runId: number): Promise<void> {
  await db.query(
    `update rollcall.catch_up
     set watermark_ms = greatest(watermark_ms, (select r.watermark_ms from rollcall.runs r where r.id = $1))`,
    [runId],
  );
}

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
