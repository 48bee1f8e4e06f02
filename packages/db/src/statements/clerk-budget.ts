import type { Queryable } from "../pool.ts";

/** At most so many requests in any window, of all processes together. */
export type RequestBudget = { requests: number; windowMs: number };

/** Takes one request out of the budget. @returns 0 when it was granted, else how long to wait, in milliseconds */
export async function takeClerkRequest(
  db: Queryable,
  { requests, windowMs }: RequestBudget,
): Promise<number> {
  const result = await db.query<{ wait: number }>({
    name: "take-clerk-request",
    text: "select rollcall.take_clerk_request($1, $2) as wait",
    values: [requests, windowMs],
  });
  return result.rows[0]?.wait ?? 0;
}
