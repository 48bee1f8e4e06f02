import type { Queryable } from "../pool.ts";

/** Draws the next read ticket. Draw it before the Clerk request whose answer it will mark. */
export async function drawReadTicket(db: Queryable): Promise<number> {
  const result = await db.query<{ ticket: string }>({
    name: "draw-read-ticket",
    text: "select nextval('rollcall.read_tickets') as ticket",
  });
  return Number(result.rows[0]?.ticket);
}
