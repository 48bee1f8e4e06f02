import { z } from "zod";
import type { Queryable } from "../pool.ts";

/** An id is an integer, whatever its sequence could count to. */
const sql = `
select w.relation as table,
  coalesce(pg_sequence_last_value(q.seqrelid), 0)::float8 / least(q.seqmax, 2147483647) as used
from (values ('users'), ('mentorados')) as w (relation)
join pg_sequence q on q.seqrelid = to_regclass(pg_get_serial_sequence('public.' || w.relation, 'id'))
`;

const rows = z.array(
  z.object({
    table: z.string(),
    /** The share of its ids that its sequence has given away, 0 to 1. */
    used: z.number(),
  }),
);

export type IdUse = z.infer<typeof rows>[number];

/**
 * How much of its ids each table has used up: a look at a known user takes one of `users` too. A table whose ids come
 * from elsewhere is left out, and a sequence that the role may not read counts as unused.
 */
export async function measureIdUse(db: Queryable): Promise<IdUse[]> {
  return rows.parse((await db.query(sql)).rows);
}
