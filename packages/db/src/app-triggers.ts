import { z } from "zod";
import type { Queryable } from "./queryable.ts";
import { readRow } from "./rows.ts";
import type { Tables } from "./tables.ts";

// The bits of tgtype: 1 for each row, 2 before, 4 insert, 16 update, 64 instead.
const search = (table: string, condition: string) => `exists (
  select from pg_trigger t
  where t.tgrelid = to_regclass(${table}) and not t.tgisinternal and t.tgenabled in ('O', 'A') and ${condition}
)`;

const beforeUpdate = `select ${search("$1", "t.tgtype & 19 = 19")} as found`;

const found = new WeakMap<Tables, Promise<boolean>>();

/**
 * Whether a trigger of the app may change the users' rows that an update writes, such as one that sets `updated_at`. It
 * is asked once for each pool: until the next start, a new trigger makes events for updates that change nothing.
 */
export function hasUpdateTrigger(db: Queryable): Promise<boolean> {
  const { tables } = db;
  const known = found.get(tables);
  if (known) return known;
  const asked = findUpdateTrigger(db);
  found.set(tables, asked);
  asked.catch(() => found.delete(tables));
  return asked;
}

async function findUpdateTrigger(db: Queryable): Promise<boolean> {
  const { rows } = await db.query(beforeUpdate, [db.tables.users.table]);
  return readRow(z.object({ found: z.boolean() }), rows).found;
}

/**
 * Whether a trigger of the app runs behind a statement that inserts users. It may make a profile for each, or change the
 * rows.
 *
 * @param table an SQL expression of the table's quoted name
 */
export const hasInsertTrigger = (table: string): string =>
  // A deferred one runs at the commit.
  search(table, "t.tgtype & 70 = 4 and not t.tginitdeferred");
