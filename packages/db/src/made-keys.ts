import { z } from "zod";
import type { Queryable } from "./queryable.ts";
import { readRows } from "./rows.ts";
import type { KeyType, Tables } from "./tables.ts";

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

/** How an insert of users makes the key of a new row. */
export type NewKey = {
  /** An expression that goes in front of the other columns. Undefined if the database makes the key, or if it is the Clerk id. */
  made: string | undefined;
  /** The database's own expression, for an insert that must not evaluate it for each row. Known for keys of numbers alone. */
  drawn: string | undefined;
  /** Counts the answers of a pool that differ, from 1. */
  number: number;
};

const numbers: readonly KeyType[] = ["integer", "bigint"];

// A domain may bring the default. An identity column has none, and its sequence may lack the right that it does not need
// by itself. A name that is not on the search path is written with its schema.
const readDrawn = `
select case
  when a.attidentity = '' then coalesce(pg_get_expr(d.adbin, d.adrelid), pg_get_expr(t.typdefaultbin, 0))
  when has_sequence_privilege(s.oid, 'usage') then format('nextval(%s::oid::regclass)', s.oid)
end as drawn
from pg_attribute a
join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
left join lateral (select pg_get_serial_sequence($1, $2)::regclass::oid as oid) s on true
where a.attrelid = to_regclass($1) and a.attname = $2 and not a.attisdropped and a.attgenerated = ''
`;

async function readNewKey(db: Queryable): Promise<Omit<NewKey, "number">> {
  const { users, mapping } = db.tables;
  const { key, columns } = mapping.users;
  if (key.column === columns.clerkId) return { made: undefined, drawn: undefined };
  if (!numbers.includes(key.type)) {
    const made = await findKeyMaker(db, { table: users.table, ...key });
    return { made, drawn: undefined };
  }
  const { rows } = await db.query(readDrawn, [users.table, key.column]);
  const [found] = readRows(z.object({ drawn: z.string().nullable() }), rows);
  return { made: undefined, drawn: found?.drawn ?? undefined };
}

type Answer = { asked: Promise<NewKey>; isOld: boolean };

const ofUsers = new WeakMap<Tables, Answer>();

/** Asked once for each pool, and again after `failInsert`. An answer that stays the same stays the same object. */
function findNewKey(db: Queryable): Promise<NewKey> {
  const known = ofUsers.get(db.tables);
  if (known && !known.isOld) return known.asked;
  const asked = askAgain(db, known?.asked);
  const answer = { asked, isOld: false };
  ofUsers.set(db.tables, answer);
  asked.catch(() => {
    if (ofUsers.get(db.tables) !== answer) return;
    if (known) ofUsers.set(db.tables, known);
    else ofUsers.delete(db.tables);
  });
  return asked;
}

async function askAgain(db: Queryable, before: Promise<NewKey> | undefined): Promise<NewKey> {
  // The answer before may have failed too, for example while the app kept the table locked. Its error must not last.
  const [found, last] = [await readNewKey(db), await before?.catch(() => undefined)];
  if (last && last.made === found.made && last.drawn === found.drawn) return last;
  return { ...found, number: (last?.number ?? 0) + 1 };
}

/**
 * Rethrows the error of an insert, and lets the next one ask again. The app may have given the key another default, and
 * dropped the sequence of the last.
 */
export const failInsert =
  ({ tables }: Pick<Queryable, "tables">) =>
  (error: unknown): never => {
    const known = ofUsers.get(tables);
    if (known) known.isOld = true;
    throw error;
  };

/**
 * The parts of an insert of users that give the key, for rows that have `clerk_id`. Postgres takes a number of the sequence
 * before it looks for a conflict, so each known user would use one up, and none could be written once they are used up. A
 * known user is therefore given with the number that it has, and the sequence is read for the others alone. The insert
 * stays one statement, because update and insert one after the other would lock two batches' rows in different orders if
 * one of them is older than a row.
 *
 * @param ids the parameter with all Clerk ids
 */
export function describeInsertedKey(
  { id, table, clerkId }: Tables["users"],
  { made, drawn }: NewKey,
  ids: `$${number}`,
): { known: string; join: string; column: string; override: string; value: string } {
  if (drawn === undefined) {
    const [column, value] = made === undefined ? ["", ""] : [`${id}, `, `${made}, `];
    return { known: "", join: "", column, override: "", value };
  }
  return {
    // One lookup for each id, as in the second statement of the write.
    known: `known as materialized (
  select a.clerk_id, k.id from unnest(${ids}::text[]) as a (clerk_id)
  cross join lateral (select k.${id} as id from ${table} k where k.${clerkId} = a.clerk_id limit 1) k
),
`,
    join: " left join known using (clerk_id)",
    column: `${id}, `,
    override: " overriding system value",
    value: `coalesce(known.id, ${drawn}), `,
  };
}

/** Statements that insert users, made as `perTables` does. */
export function perUserKey<Statements>(
  make: (tables: Tables, newKey: NewKey) => Statements,
): (db: Queryable) => Promise<Statements> {
  const made = new WeakMap<NewKey, Statements>();
  return async (db) => {
    const newKey = await findNewKey(db);
    const known = made.get(newKey);
    if (known !== undefined) return known;
    const statements = make(db.tables, newKey);
    made.set(newKey, statements);
    return statements;
  };
}
