import { z } from "zod";
import type { Queryable } from "./queryable.ts";
import { readRow } from "./rows.ts";
import type { Tables } from "./tables.ts";

// The bits of tgtype: 1 for each row, 2 before, 16 update.
const search = `
select exists (
  select from pg_trigger t
  where t.tgrelid = to_regclass($1) and not t.tgisinternal and t.tgenabled in ('O', 'A') and t.tgtype & 19 = 19
) as found
`;

const found = new WeakMap<Tables, Promise<boolean>>();

/**
 * Whether a trigger of the app may change the users' rows that an update writes, such as one that sets `updated_at`. It
 * is asked once for each pool: until the next start, a new trigger makes events for updates that change nothing.
 */
export function hasUpdateTrigger(db: Queryable): Promise<boolean> {
  const { tables } = db;
  const known = found.get(tables);
  if (known) return known;
  const asked = db
    .query(search, [tables.users.table])
    .then(({ rows }) => readRow(z.object({ found: z.boolean() }), rows).found);
  found.set(tables, asked);
  asked.catch(() => found.delete(tables));
  return asked;
}
