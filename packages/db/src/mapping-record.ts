import { compareMappings, defaultMapping, type Mapping } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "./queryable.ts";
import { quoteText } from "./quote-name.ts";
import { readRow, readRows } from "./rows.ts";
import type { Tables } from "./tables.ts";

const hasPlace = `
select exists (
  select from pg_attribute where attrelid = 'rollcall.migrations'::regclass and attname = 'mapping' and not attisdropped
) as found
`;
const makePlace = "alter table rollcall.migrations add column if not exists mapping jsonb";
const record = (value: string) => `
update rollcall.migrations set mapping = ${value}
where id = (select min(id) from rollcall.migrations) and mapping is distinct from ${value}
`;

/** The default is recorded as null, so that versions with other fields of it agree. */
function toRecord(mapping: Mapping): string | null {
  return compareMappings(mapping, defaultMapping).length === 0 ? null : JSON.stringify(mapping);
}

/** The statements that record the mapping after the first migrations. */
export function writeMappingRecord({ mapping }: Tables): string[] {
  const recorded = toRecord(mapping);
  return [makePlace, ...(recorded === null ? [] : [record(`${quoteText(recorded)}::jsonb`).trim()])];
}

const foundRow = z.object({ found: z.boolean() });

/**
 * Records the mapping under which the tables are whole. Every process compares its own mapping with it.
 *
 * @returns the fields in which it differs from the one before
 */
export async function recordMapping(db: Queryable): Promise<string[]> {
  // It locks the table against every reader, so only once.
  if (!readRow(foundRow, (await db.query(hasPlace)).rows).found) await db.query(makePlace);
  const changed = compareMappings(db.tables.mapping, await readMapping(db));
  await db.query(record("$1::jsonb"), [toRecord(db.tables.mapping)]);
  return changed;
}

const isThere = `
select exists (
  select from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'rollcall' and c.relname = 'migrations'
) as found
`;

/**
 * Whether any migration was applied. It reads the catalog: a session that once asked `to_regclass` in vain may keep that
 * answer while it waits for the lock of another migration.
 */
export async function isMigrated(db: Queryable): Promise<boolean> {
  return readRow(foundRow, (await db.query(isThere)).rows).found;
}

// As json, because a version that knew no mapping made the table without the column.
const read = "select to_jsonb(m) -> 'mapping' as mapping from rollcall.migrations m order by m.id limit 1";

/** The mapping that migrate recorded, as JSON. Undefined before the first migration. */
export async function readMapping(db: Queryable): Promise<unknown> {
  if (!(await isMigrated(db))) return undefined;
  const [first] = readRows(z.object({ mapping: z.unknown() }), (await db.query(read)).rows);
  return first && (first.mapping ?? defaultMapping);
}
