import { z } from "zod";
import type { Queryable } from "./queryable.ts";
import { readRow } from "./rows.ts";
import type { Tables } from "./tables.ts";

// The bits of tgtype: 1 for each row, 2 before, 4 insert, 16 update, 64 instead.
const search = (condition: string) => `
select exists (
  select from pg_trigger t
  where t.tgrelid = to_regclass($1) and not t.tgisinternal and t.tgenabled in ('O', 'A') and ${condition}
) as found
`;

const beforeUpdate = search("t.tgtype & 19 = 19");
// A deferred one runs at the commit.
const afterInsert = search("t.tgtype & 70 = 4 and not t.tginitdeferred");

async function findTrigger(db: Queryable, text: string): Promise<boolean> {
  return readRow(z.object({ found: z.boolean() }), (await db.query(text, [db.tables.users.table])).rows)
    .found;
}

const found = new WeakMap<Tables, Promise<boolean>>();

/**
 * Whether a trigger of the app may change the users' rows that an update writes, such as one that sets `updated_at`. It
 * is asked once for each pool: until the next start, a new trigger makes events for updates that change nothing.
 */
export function hasUpdateTrigger(db: Queryable): Promise<boolean> {
  const { tables } = db;
  const known = found.get(tables);
  if (known) return known;
  const asked = findTrigger(db, beforeUpdate);
  found.set(tables, asked);
  asked.catch(() => found.delete(tables));
  return asked;
}

/**
 * Whether a trigger of the app runs behind a statement that inserts users. It may make a profile for each, or change the
 * rows.
 */
export function hasInsertTrigger(db: Queryable): Promise<boolean> {
  return findTrigger(db, afterInsert);
}
