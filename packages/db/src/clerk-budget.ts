import type { Pool } from "../pool.ts";
import { inTransaction } from "../transaction.ts";

/** At most so many requests in any window, of all processes together. */
export type RequestBudget = { requests: number; windowMs: number };

/**
 * Takes one request out of the budget. In a transaction, since on its own the statement would have the isolation that
 * the database has by default: a stricter one counts as of before it waited for its turn.
 *
 * @returns 0 when it was granted, else how long to wait, in milliseconds
 */
export function takeClerkRequest(pool: Pool, { requests, windowMs }: RequestBudget): Promise<number> {
  return inTransaction(pool, async (client) => {
    const result = await client.query<{ wait: number }>({
      name: "take-clerk-request",
      text: "select rollcall.take_clerk_request($1, $2) as wait",
      values: [requests, windowMs],
    });
    return result.rows[0]?.wait ?? 0;
  });
}
