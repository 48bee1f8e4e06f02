import { z } from "zod";
import type { Pool } from "./pool.ts";
import { readRow } from "./rows.ts";
import { inTransaction } from "./transaction.ts";

/** The most requests in any window, from all processes together. */
export type RequestBudget = { requests: number; windowMs: number };

/**
 * Takes one request out of the budget. It needs a transaction, because a single statement has the database's default
 * isolation. A stricter isolation would count with a snapshot from before the wait for the lock.
 *
 * @returns 0 if the request was granted, otherwise the wait in milliseconds
 */
export function takeClerkRequest(pool: Pool, { requests, windowMs }: RequestBudget): Promise<number> {
  return inTransaction(pool, async (client) => {
    const result = await client.query({
      name: "take-clerk-request",
      text: "select rollcall.take_clerk_request($1, $2) as wait",
      values: [requests, windowMs],
    });
    return readRow(z.object({ wait: z.number() }), result.rows).wait;
  });
}
