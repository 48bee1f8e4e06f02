import type { Queryable } from "../pool.ts";

/** The objects that a migration could change, with their definitions. */
const everything = `
select 'schema' as kind, nspname::text as name, null as definition
from pg_namespace where nspname !~ '^pg_'
union all
select 'column', format('%s.%s.%s', table_schema, table_name, column_name),
       concat_ws(' ', ordinal_position, data_type, udt_name, character_maximum_length, is_nullable, column_default)
from information_schema.columns where table_schema not in ('pg_catalog', 'information_schema')
union all
select 'constraint', format('%s.%s', conrelid::regclass, conname), pg_get_constraintdef(oid)
from pg_constraint where connamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
union all
select 'index', indexname, indexdef from pg_indexes where schemaname not in ('pg_catalog', 'information_schema')
union all
select 'sequence', format('%s.%s', schemaname, sequencename), data_type::text from pg_sequences
union all
select 'type', typname, null from pg_type where typnamespace = 'public'::regnamespace
order by 1, 2, 3
`;

/** For tests: two dumps are equal if nothing changed between them. */
export async function dumpDatabase(db: Queryable): Promise<unknown> {
  const objects = (await db.query(everything)).rows;
  return { objects, users: await dumpRows(db, "users"), mentorados: await dumpRows(db, "mentorados") };
}

/** For tests: the rows of a table of the app, with all its columns; null without the table. */
export async function dumpRows(db: Queryable, table: "users" | "mentorados"): Promise<unknown> {
  const exists = await db.query(`select from pg_class where oid = to_regclass('public.${table}')`);
  if (exists.rows.length === 0) return null;
  const result = await db.query(`select to_jsonb(t) as row from public.${table} t order by to_jsonb(t)`);
  return result.rows.map(({ row }) => row);
}

/** For tests: a live app of Drizzle, with more columns than ours, rows, and Drizzle's own migrations table. */
export const liveApp = `
create schema drizzle;
create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint);
insert into drizzle.__drizzle_migrations (hash, created_at) values ('0000', 1), ('0001', 99999999999999);

create table public.users (
  id             serial primary key,
  clerk_id       varchar(64) not null,
  name           text,
  email          varchar(320) not null,
  login_method   varchar(64),
  created_at     timestamp default now() not null,
  updated_at     timestamp not null,
  last_signed_in timestamp not null default now(),
  constraint app_clerk_id unique (clerk_id)
);
create table public.mentorados (
  id            serial primary key,
  user_id       integer references public.users (id),
  nome_completo varchar(255) not null,
  email         varchar(320),
  meta_leads    integer not null default 7,
  onboarding    jsonb not null default '{}',
  created_at    timestamp,
  updated_at    timestamp not null
);
insert into public.users (clerk_id, name, email, login_method, updated_at) values
  ('user_ana', 'Ana', 'ana@example.com', 'google', '2026-01-01'),
  ('user_bia', 'Bia', 'bia@example.com', null,     '2026-01-01');
insert into public.mentorados (user_id, nome_completo, email, onboarding, created_at, updated_at) values
  (1,    'Ana A.', 'ana@example.com', '{"step": 3}', '2026-01-02', '2026-01-02'),
  (null, 'Carla',  'car@example.com', '{}',          null,         '2026-01-02');
`;
