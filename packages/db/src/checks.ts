import { z } from "zod";
import type { DeclaredTable } from "./app-schema/declared-table.ts";
import { declareTables } from "./app-schema/declared-tables.ts";
import { hidesRows } from "./app-schema/hides-rows.ts";
import { usedSequences } from "./app-schema/used-sequences.ts";
import { readLiveColumns } from "./migrate/adoption/column-problems.ts";
import type { Queryable } from "./pool.ts";
import { readRows } from "./rows.ts";

// The privilege functions of Postgres also count grants through another role, and grants to PUBLIC.
const missingGrants = `
with app (kind, relation, key) as (
  select kind, to_regclass(relation), key from unnest($2::text[], $3::text[], $4::text[]) as a (kind, relation, key)
),
schemas as (
  select oid, nspname, false as is_app from pg_namespace where nspname = 'rollcall' or nspname = 'bullmq' and $1
  union
  select n.oid, n.nspname, true from pg_namespace n where n.nspname = any ($5::text[])
),
needed (oid, name, privilege) as (
  select c.oid, format('%I.%I', s.nspname, c.relname), p
  from schemas s
  join pg_class c on c.relnamespace = s.oid and c.relkind in ('r', 'p')
  left join app on app.relation = c.oid
  cross join unnest(array['select', 'insert', 'update', 'delete']) as p
  where case
    when s.is_app then app.kind in ('profile', 'memberships') or app.kind in ('users', 'organizations') and p <> 'delete'
    when s.nspname = 'rollcall' then c.relname <> 'admin_sessions'
      and (c.relname not in ('migrations', 'known_columns') or p = 'select')
    else true end
),
missing (place, what, is_app) as (
  select 1, 'USAGE on schema ' || quote_ident(nspname), is_app from schemas where not has_schema_privilege(oid, 'usage')
  union all
  select 2, format('a policy that lets it see all rows of %s, or BYPASSRLS', format('%I.%I', n.nspname, c.relname)), true
  from app
  join pg_class c on c.oid = app.relation
  join pg_namespace n on n.oid = c.relnamespace
  where ${hidesRows("c.oid")}
  union all
  select 3, format('%s on table %s', string_agg(upper(privilege), ', ' order by privilege), name),
         bool_or(needed.oid in (select relation from app))
  from needed where not has_table_privilege(oid, privilege) group by name
  union all
  select 4, format('USAGE on sequence %I.%I', s.nspname, c.relname), s.nspname not in ('rollcall', 'bullmq')
  from pg_class c
  join pg_namespace s on s.oid = c.relnamespace
  -- The function fails for a relation that is no sequence, and a WHERE might run after it. The join cannot.
  join pg_sequence q on q.seqrelid = c.oid
  where (s.oid in (select oid from schemas where not is_app)
    or c.oid in (
      select to_regclass(pg_get_serial_sequence(app.relation::text, app.key)) from app where app.relation is not null
    )
    or c.oid in (${usedSequences("select relation from app")})
  ) and not has_sequence_privilege(q.seqrelid, 'usage')
  union all
  -- Before a profile is deleted, Rollcall checks whether a row of the app references it.
  select 5, format('SELECT (%I) on table %s%I', a.attname, nullif(quote_ident(s.nspname), 'public') || '.', t.relname), false
  from app
  join pg_constraint c on c.confrelid = app.relation
  join pg_class t on t.oid = c.conrelid
  join pg_namespace s on s.oid = t.relnamespace
  join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any (c.conkey)
  where app.kind = 'profile' and c.contype = 'f'
    and not has_column_privilege(c.conrelid, a.attnum, 'select')
  union all
  select 6, 'TEMPORARY on database ' || quote_ident(current_database()), false
  where not has_database_privilege(current_database(), 'temporary')
)
select what as "grant" from missing order by place, is_app desc, what
`;

/**
 * The privileges that the role lacks for the work of api and worker, in the words of `GRANT`. Row-level security
 * counts, because it would hide rows without an error.
 */
export async function findMissingGrants(
  db: Queryable,
  { withQueues }: { withQueues: boolean },
): Promise<string[]> {
  const tables = declareTables(db);
  const result = await db.query(missingGrants, [
    withQueues,
    ...listKeys(tables),
    tables.map(({ label }) => label.split(".")[0]),
  ]);
  return readRows(z.object({ grant: z.string() }), result.rows).map((row) => row.grant);
}

/** Kinds, tables and key columns, as parameters. */
function listKeys(tables: readonly DeclaredTable[]): string[][] {
  return [
    tables.map(({ kind }) => kind),
    tables.map(({ table }) => table),
    tables.map(({ columns }) => columns.find(({ isPrimary }) => isPrimary)?.name ?? "id"),
  ];
}

/** A sequence may count further than its column. */
const idUse = `
select c.relname as table, a.attname as column, q.seqrelid::regclass::text as sequence, least.value::text as least,
  coalesce(pg_sequence_last_value(q.seqrelid), 0)::float8 / least(q.seqmax, -(least.value + 1)) as used
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as w (kind, relation, key, place)
join pg_class c on c.oid = to_regclass(w.relation)
join pg_attribute a on a.attrelid = c.oid and a.attname = w.key
join pg_sequence q on q.seqrelid = to_regclass(pg_get_serial_sequence(w.relation, w.key))
cross join lateral (
  select case a.atttypid when 'int8'::regtype then -9223372036854775808 else -2147483648 end
) as least (value)
order by w.place
`;

const idUseRow = z.object({
  table: z.string(),
  column: z.string(),
  sequence: z.string(),
  /** The lowest id of the column's type. */
  least: z.string(),
  /** The share of the ids that the sequence has given away, 0 to 1. */
  used: z.number(),
});

export type IdUse = z.infer<typeof idUseRow>;

/**
 * The share of its ids that each table has used. A table whose ids come from another source is left out. A sequence that
 * the role may not read counts as unused.
 */
export async function measureIdUse(db: Queryable): Promise<IdUse[]> {
  return readRows(idUseRow, (await db.query(idUse, listKeys(declareTables(db)))).rows);
}

const triggersWithoutPath = `
select distinct f.oid::regprocedure::text as "function"
from pg_trigger t
join pg_proc f on f.oid = t.tgfoid
join pg_language l on l.oid = f.prolang
where t.tgrelid = any (array(select to_regclass(name) from unnest($1::text[]) as name))
  and not t.tgisinternal and t.tgenabled <> 'D' and l.lanname not in ('c', 'internal')
  and not exists (select from unnest(f.proconfig) as setting where setting like 'search_path=%')
order by "function"
`;

/**
 * Functions of the app's triggers on both tables without a search_path of their own. They run with the pool's, in which
 * they find no table that they name without its schema.
 */
export async function listTriggersWithoutPath(db: Queryable): Promise<string[]> {
  const result = await db.query(triggersWithoutPath, [declareTables(db).map(({ table }) => table)]);
  return readRows(z.object({ function: z.string() }), result.rows).map((row) => row.function);
}

// Autovacuum waits for a share of the table, which takes longest for the largest.
const rarelyVacuumed = `
select c.oid::regclass::text as table
from pg_class c
where c.oid = any (array(select to_regclass(name) from unnest($1::text[]) as name))
  and c.reltuples >= 1e6
  and coalesce(
    (select option_value from pg_options_to_table(c.reloptions) where option_name = 'autovacuum_vacuum_scale_factor'),
    current_setting('autovacuum_vacuum_scale_factor')
  )::float8 > 0.05
order by c.oid
`;

/** The app's tables of a million rows and more whose dead rows wait for a large share of the table. */
export async function listRarelyVacuumed(db: Queryable): Promise<string[]> {
  const result = await db.query(rarelyVacuumed, [declareTables(db).map(({ table }) => table)]);
  return readRows(z.object({ table: z.string() }), result.rows).map((row) => row.table);
}

/** The app's own columns in its tables, such as `users.phone`. */
export async function listAppColumns(db: Queryable): Promise<string[]> {
  const found: string[] = [];
  for (const table of declareTables(db)) {
    const ours = new Set(table.columns.map(({ name }) => name));
    for (const { name } of await readLiveColumns(db, table))
      if (!ours.has(name)) found.push(`${table.label.replace(/^public\./, "")}.${name}`);
  }
  return found;
}
