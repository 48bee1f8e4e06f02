import type { Queryable } from "../pool.ts";

// Postgres' own functions tell also of what comes by way of another role, or of PUBLIC.
const missing = `
with schemas as (
  select oid, nspname from pg_namespace where nspname in ('public', 'rollcall') or nspname = 'bullmq' and $1
),
wanted (oid, name, privilege) as (
  select c.oid, format('%I.%I', s.nspname, c.relname), p
  from schemas s
  join pg_class c on c.relnamespace = s.oid and c.relkind in ('r', 'p')
  cross join unnest(array['select', 'insert', 'update', 'delete']) as p
  where case s.nspname
    when 'public' then c.relname = 'mentorados' or c.relname = 'users' and p <> 'delete'
    when 'rollcall' then c.relname <> 'migrations' or p = 'select'
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
  from wanted where not has_table_privilege(oid, privilege) group by name
  union all
  select 4, format('USAGE on sequence %I.%I', s.nspname, c.relname)
  from schemas s
  join pg_class c on c.relnamespace = s.oid
  -- By its own catalog: asked about another relation, which a filter may not spare it, the function fails.
  join pg_sequence q on q.seqrelid = c.oid
  where (s.nspname <> 'public' or c.oid in (
      to_regclass(pg_get_serial_sequence('public.users', 'id')),
      to_regclass(pg_get_serial_sequence('public.mentorados', 'id'))
    )) and not has_sequence_privilege(q.seqrelid, 'usage')
  union all
  -- Whether a row of the app's hangs on a profile is asked before the profile is deleted.
  select 5, format('SELECT (%I) on table %s', a.attname, c.conrelid::regclass)
  from pg_constraint c
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
 * What the role lacks of all that api and worker do, as `GRANT` would say it; row-level security included, behind
 * which rows would be missing without an error.
 */
export async function findMissingGrants(
  db: Queryable,
  { withQueues }: { withQueues: boolean },
): Promise<string[]> {
  const result = await db.query<{ grant: string }>(missing, [withQueues]);
  return result.rows.map((row) => row.grant);
}
