import { getTableColumns } from "drizzle-orm";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRows } from "./rows.ts";
import { mentorados, users } from "./schema.ts";

// The privilege functions of Postgres also count grants through another role, and grants to PUBLIC.
const missingGrants = `
with schemas as (
  select oid, nspname from pg_namespace where nspname in ('public', 'rollcall') or nspname = 'bullmq' and $1
),
needed (oid, name, privilege) as (
  select c.oid, format('%I.%I', s.nspname, c.relname), p
  from schemas s
  join pg_class c on c.relnamespace = s.oid and c.relkind in ('r', 'p')
  cross join unnest(array['select', 'insert', 'update', 'delete']) as p
  where case s.nspname
    when 'public' then c.relname = 'mentorados' or c.relname = 'users' and p <> 'delete'
    when 'rollcall' then c.relname <> 'admin_sessions'
      and (c.relname not in ('migrations', 'known_columns') or p = 'select')
    else true end
),
missing (place, what) as (
  select 1, 'USAGE on schema ' || quote_ident(nspname) from schemas where not has_schema_privilege(oid, 'usage')
  union all
  select 2, 'a policy that lets it see all rows of public.' || t || ', or BYPASSRLS'
  from unnest(array['users', 'mentorados']) as t
  where to_regclass('public.' || t) is not null and row_security_active(to_regclass('public.' || t)::oid)
  union all
  select 3, format('%s on table %s', string_agg(upper(privilege), ', ' order by privilege), name)
  from needed where not has_table_privilege(oid, privilege) group by name
  union all
  select 4, format('USAGE on sequence %I.%I', s.nspname, c.relname)
  from schemas s
  join pg_class c on c.relnamespace = s.oid
  -- The function fails for a relation that is no sequence, and a WHERE might run after it. The join cannot.
  join pg_sequence q on q.seqrelid = c.oid
  where (s.nspname <> 'public' or c.oid in (
      to_regclass(pg_get_serial_sequence('public.users', 'id')),
      to_regclass(pg_get_serial_sequence('public.mentorados', 'id'))
    )) and not has_sequence_privilege(q.seqrelid, 'usage')
  union all
  -- Before a profile is deleted, Rollcall checks whether a row of the app references it.
  select 5, format('SELECT (%I) on table %s%I', a.attname, nullif(quote_ident(s.nspname), 'public') || '.', t.relname)
  from pg_constraint c
  join pg_class t on t.oid = c.conrelid
  join pg_namespace s on s.oid = t.relnamespace
  join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
  where c.contype = 'f' and c.confrelid = to_regclass('public.mentorados')
    and not has_column_privilege(c.conrelid, a.attnum, 'select')
  union all
  select 6, 'TEMPORARY on database ' || quote_ident(current_database())
  where not has_database_privilege(current_database(), 'temporary')
)
select what as "grant" from missing order by place, what like '% public.%' desc, what
`;

/**
 * The privileges that the role lacks for the work of api and worker, in the words of `GRANT`. Row-level security
 * counts, because it would hide rows without an error.
 */
export async function findMissingGrants(
  db: Queryable,
  { withQueues }: { withQueues: boolean },
): Promise<string[]> {
  const result = await db.query(missingGrants, [withQueues]);
  return readRows(z.object({ grant: z.string() }), result.rows).map((row) => row.grant);
}

/** The ids are integers, even if their sequence could count further. */
const idUse = `
select w.relation as table,
  coalesce(pg_sequence_last_value(q.seqrelid), 0)::float8 / least(q.seqmax, 2147483647) as used
from (values ('users'), ('mentorados')) as w (relation)
join pg_sequence q on q.seqrelid = to_regclass(pg_get_serial_sequence('public.' || w.relation, 'id'))
`;

const idUseRow = z.object({
  table: z.string(),
  /** The share of the ids that the sequence has given away, 0 to 1. */
  used: z.number(),
});

export type IdUse = z.infer<typeof idUseRow>;

/**
 * The share of its ids that each table has used. A write to a known user takes an id of `users` too. A table whose ids
 * come from another source is left out. A sequence that the role may not read counts as unused.
 */
export async function measureIdUse(db: Queryable): Promise<IdUse[]> {
  return readRows(idUseRow, (await db.query(idUse)).rows);
}

const triggersWithoutPath = `
select distinct f.oid::regprocedure::text as "function"
from pg_trigger t
join pg_proc f on f.oid = t.tgfoid
join pg_language l on l.oid = f.prolang
where t.tgrelid in (to_regclass('public.users'), to_regclass('public.mentorados'))
  and not t.tgisinternal and t.tgenabled <> 'D' and l.lanname not in ('c', 'internal')
  and not exists (select from unnest(f.proconfig) as setting where setting like 'search_path=%')
order by "function"
`;

/**
 * Functions of the app's triggers on both tables without a search_path of their own. They run with the pool's, in which
 * they find no table that they name without its schema.
 */
export async function listTriggersWithoutPath(db: Queryable): Promise<string[]> {
  const result = await db.query(triggersWithoutPath);
  return readRows(z.object({ function: z.string() }), result.rows).map((row) => row.function);
}

const columns = `
select table_name as "table", column_name as "column" from information_schema.columns
where table_schema = 'public' and table_name in ('users', 'mentorados')
order by table_name desc, ordinal_position
`;

const columnRow = z.object({ table: z.string(), column: z.string() });

/** The app's own columns in both tables, such as `users.phone`. */
export async function listAppColumns(db: Queryable): Promise<string[]> {
  const ours = new Set(
    Object.entries({ users, mentorados }).flatMap(([table, schema]) =>
      Object.values(getTableColumns(schema)).map(({ name }) => `${table}.${name}`),
    ),
  );
  return readRows(columnRow, (await db.query(columns)).rows)
    .map(({ table, column }) => `${table}.${column}`)
    .filter((name) => !ours.has(name));
}
