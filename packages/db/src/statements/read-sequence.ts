import type { Queryable } from "../pool.ts";

/** Draws the next read ticket. Draw it before the Clerk request whose answer it will mark. */
export async function nextReadSequence(db: Queryable): Promise<number> {
  const result = await db.query<{ ticket: string }>({
    name: "next-read-sequence",
    text: "select nextval('rollcall.read_sequence') as ticket",
  });
  return Number(result.rows[0]?.ticket);
}
