import { z } from "zod";
import type { Queryable } from "./queryable.ts";
import { readRows } from "./rows.ts";
import { type KeyType, perTables, type Tables } from "./tables.ts";

// A domain may bring the default. No statement may write an identity column or a generated one.
const readDefault = `
select a.atthasdef or a.attidentity <> '' or t.typdefault is not null as "hasDefault"
from pg_attribute a join pg_type t on t.oid = a.atttypid
where a.attrelid = to_regclass($1) and a.attname = $2 and not a.attisdropped
`;

/** How Rollcall makes the key of a new row, if the database does not. Numbers always come from the database. */
const makers: Record<KeyType, string | undefined> = {
  integer: undefined,
  bigint: undefined,
  uuid: "gen_random_uuid()",
  text: "gen_random_uuid()::text",
};

/**
 * The expression for the key of a new row. Undefined if the database makes the key.
 *
 * @param key its column is raw, its table quoted
 */
export async function findKeyMaker(
  db: Queryable,
  key: { table: string; column: string; type: KeyType },
): Promise<string | undefined> {
  const maker = makers[key.type];
  if (maker === undefined) return undefined;
  const { rows } = await db.query(readDefault, [key.table, key.column]);
  const [found] = readRows(z.object({ hasDefault: z.boolean() }), rows);
  return found?.hasDefault ? undefined : maker;
}

const ofUsers = new WeakMap<Tables, Promise<string | undefined>>();

/** Asked once for each pool. A default that the app adds later is then not used, which harms nothing. */
function findUserKeyMaker(db: Queryable): Promise<string | undefined> {
  const { tables } = db;
  const { key, columns } = tables.mapping.users;
  if (makers[key.type] === undefined || key.column === columns.clerkId) return Promise.resolve(undefined);
  const known = ofUsers.get(tables);
  if (known) return known;
  const asked = findKeyMaker(db, { table: tables.users.table, ...key });
  ofUsers.set(tables, asked);
  asked.catch(() => ofUsers.delete(tables));
  return asked;
}

/**
 * Statements that insert users, made as `perTables` does. `madeKey` is the expression for the key, which follows `id` in
 * front of the other columns; undefined if the database makes the key, or if the key is the Clerk id.
 */
export function perUserKey<Statements>(
  make: (tables: Tables, madeKey: string | undefined) => Statements,
): (db: Queryable) => Promise<Statements> {
  const plain = perTables((tables) => make(tables, undefined));
  const made = perTables((tables) => make(tables, makers[tables.users.keyType]));
  return async (db) => ((await findUserKeyMaker(db)) === undefined ? plain(db) : made(db));
}
