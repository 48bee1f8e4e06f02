import { z } from "zod";
import type { Pool } from "./pool.ts";
import { readRow } from "./rows.ts";

/** The most requests in any window, from all processes together. */
export type RequestBudget = { requests: number; windowMs: number };

/** The answers to the two statements below. */
const answers = z.tuple([z.unknown(), z.object({ rows: z.array(z.unknown()) })]);
const waitRow = z.object({ wait: z.number() });

/**
 * Takes one request out of the budget. The database's default isolation may be stricter, and would count with a snapshot
 * from before the wait for the lock. So a first statement sets the isolation: two statements that are sent as one text are
 * one transaction, and one round trip.
 *
 * @returns 0 if the request was granted, otherwise the wait in milliseconds
 */
export async function takeClerkRequest(pool: Pool, { requests, windowMs }: RequestBudget): Promise<number> {
  const results: unknown = await pool.query(
    `set transaction isolation level read committed; select rollcall.take_clerk_request(${requests}, ${windowMs}) as wait`,
  );
  const [, { rows }] = answers.parse(results);
  return readRow(waitRow, rows).wait;
}
