import { z } from "zod";
import type { Queryable } from "../queryable.ts";
import { readRow, readRows } from "../rows.ts";
import { type DeclaredTable, tableKinds } from "./declared-table.ts";
import { declareTables } from "./declared-tables.ts";

const record = `
insert into rollcall.known_columns (table_name, relation, column_name, number)
select ours.kind, a.attrelid, a.attname, a.attnum
from unnest($1::text[], $2::text[], $3::text[]) as ours (kind, relation, column_name)
join pg_attribute a on a.attrelid = to_regclass(ours.relation) and a.attname = ours.column_name
  and a.attnum > 0 and not a.attisdropped
on conflict (table_name, column_name) do update set relation = excluded.relation, number = excluded.number
where (known_columns.relation, known_columns.number) is distinct from (excluded.relation, excluded.number)
`;

/** Records where our columns are. A column that is missing keeps its record. */
export async function recordColumns(db: Queryable): Promise<void> {
  const ours = declareTables(db).flatMap(({ kind, table, columns }) =>
    columns.map(({ name }) => ({ kind, table, name })),
  );
  await db.query(record, [
    ours.map(({ kind }) => kind),
    ours.map(({ table }) => table),
    ours.map(({ name }) => name),
  ]);
}

const known = `
select k.table_name as kind, k.column_name as "column", k.number::int, k.relation::text as relation,
       c.oid is null as "isGone", coalesce(k.relation = to_regclass(ours.relation), false) as "isCurrent"
from rollcall.known_columns k
join unnest($1::text[], $2::text[]) as ours (kind, relation) on ours.kind = k.table_name
left join pg_class c on c.oid = k.relation
`;

const knownRow = z.object({
  kind: z.enum(tableKinds),
  column: z.string(),
  number: z.number(),
  relation: z.string(),
  isGone: z.boolean(),
  /** The table is the one that was recorded. */
  isCurrent: z.boolean(),
});

/** What was recorded. None before the migration, and for a role that may not read it. */
export async function readKnownColumns(db: Queryable): Promise<z.infer<typeof knownRow>[]> {
  const readable = await db.query(
    `select coalesce(has_table_privilege(to_regclass('rollcall.known_columns')::oid, 'select'), false) as "isReadable"`,
  );
  if (!readRow(z.object({ isReadable: z.boolean() }), readable.rows).isReadable) return [];
  const tables = declareTables(db);
  const values = [tables.map(({ kind }) => kind), tables.map(({ table }) => table)];
  return readRows(knownRow, (await db.query(known, values)).rows);
}

/** The present name of the table that was recorded as `table`, if the table still exists. */
export async function findRenamedTable(db: Queryable, { kind }: DeclaredTable): Promise<string | undefined> {
  const before = (await readKnownColumns(db)).find((one) => one.kind === kind && !one.isGone);
  if (!before) return undefined;
  const result = await db.query(
    `select format('%I.%I', n.nspname, c.relname) as name
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid = $1::oid and c.relkind in ('r', 'p')`,
    [before.relation],
  );
  return readRows(z.object({ name: z.string() }), result.rows)[0]?.name;
}
