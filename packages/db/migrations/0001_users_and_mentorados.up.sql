-- Makes both tables, or adopts the tables that the app already has: it adds missing columns, defaults and keys, and
-- keeps every row, every further column and every default. Before it runs, src/migrate/adoption refuses unfit tables.

-- ALTER TABLE fails while a deferred check is pending.
set constraints all immediate;

create table if not exists public.users (id serial primary key);

alter table public.users
  add column if not exists id               serial,
  add column if not exists clerk_id         text not null,
  add column if not exists email            text,
  add column if not exists email_verified   boolean not null default false,
  add column if not exists name             text,
  add column if not exists image_url        text,
  add column if not exists role             text not null default 'user',
  add column if not exists role_source      text,
  add column if not exists tier             text not null default 'FREE',
  add column if not exists banned           boolean not null default false,
  add column if not exists clerk_created_at timestamptz,
  add column if not exists clerk_updated_at timestamptz,
  add column if not exists read_ticket      bigint,
  add column if not exists deleted_at       timestamptz,
  add column if not exists created_at       timestamptz not null default now(),
  add column if not exists updated_at       timestamptz not null default now();

create table if not exists public.mentorados (id serial primary key);

alter table public.mentorados
  add column if not exists id                 serial,
  add column if not exists user_id            integer,
  add column if not exists nome_completo      text not null,
  add column if not exists email              text,
  add column if not exists foto_url           text,
  add column if not exists turma              text,
  add column if not exists ativo              text not null default 'sim',
  add column if not exists meta_faturamento   integer not null default 16000,
  add column if not exists meta_leads         integer not null default 50,
  add column if not exists meta_procedimentos integer not null default 10,
  add column if not exists meta_posts         integer not null default 12,
  add column if not exists meta_stories       integer not null default 60,
  add column if not exists linked_at          timestamptz,
  add column if not exists created_at         timestamptz not null default now(),
  add column if not exists updated_at         timestamptz not null default now();

-- The app's columns may lack a default that our inserts need. An existing default stays.
do $$
declare
  lacking record;
begin
  for lacking in
    select w.relation, w.attribute, w.value
    from (values
      ('users',      'email_verified',     'false'),
      ('users',      'role',               '''user'''),
      ('users',      'tier',               '''FREE'''),
      ('users',      'banned',             'false'),
      ('users',      'created_at',         'now()'),
      ('users',      'updated_at',         'now()'),
      ('mentorados', 'ativo',              '''sim'''),
      ('mentorados', 'meta_faturamento',   '16000'),
      ('mentorados', 'meta_leads',         '50'),
      ('mentorados', 'meta_procedimentos', '10'),
      ('mentorados', 'meta_posts',         '12'),
      ('mentorados', 'meta_stories',       '60'),
      ('mentorados', 'created_at',         'now()'),
      ('mentorados', 'updated_at',         'now()')
    ) as w (relation, attribute, value)
    join pg_attribute a on a.attrelid = format('public.%I', w.relation)::regclass and a.attname = w.attribute
    join pg_type t on t.oid = a.atttypid
    where not a.atthasdef and t.typdefault is null
  loop
    execute format('alter table public.%I alter column %I set default %s',
                   lacking.relation, lacking.attribute, lacking.value);
  end loop;
end
$$;

-- Columns that must have a value may hold nulls of the app. Readers would fail on them.
update public.users set
  email_verified = coalesce(email_verified, false),
  role           = coalesce(role, 'user'),
  tier           = coalesce(tier, 'FREE'),
  banned         = coalesce(banned, false),
  created_at     = coalesce(created_at, now()),
  updated_at     = coalesce(updated_at, now())
where email_verified is null or role is null or tier is null or banned is null
   or created_at is null or updated_at is null;

update public.mentorados set
  ativo              = coalesce(ativo, 'sim'),
  meta_faturamento   = coalesce(meta_faturamento, 16000),
  meta_leads         = coalesce(meta_leads, 50),
  meta_procedimentos = coalesce(meta_procedimentos, 10),
  meta_posts         = coalesce(meta_posts, 12),
  meta_stories       = coalesce(meta_stories, 60),
  created_at         = coalesce(created_at, now()),
  updated_at         = coalesce(updated_at, now())
where ativo is null or meta_faturamento is null or meta_leads is null or meta_procedimentos is null
   or meta_posts is null or meta_stories is null or created_at is null or updated_at is null;

-- A profile that the app linked needs the mark too. Without it, the profile would be unclaimed after losing its user.
update public.mentorados set linked_at = created_at where user_id is not null and linked_at is null;

set constraints all immediate;

-- Clerk has users without email, name or image, a tombstone has none of them, and a profile outlives its user.
alter table public.users
  alter column id             set not null,
  alter column clerk_id       set not null,
  alter column email          drop not null,
  alter column email_verified set not null,
  alter column name           drop not null,
  alter column image_url      drop not null,
  alter column role           set not null,
  alter column role_source    drop not null,
  alter column tier           set not null,
  alter column banned         set not null,
  alter column clerk_created_at drop not null,
  alter column clerk_updated_at drop not null,
  alter column read_ticket    drop not null,
  alter column deleted_at     drop not null,
  alter column created_at     set not null,
  alter column updated_at     set not null;

alter table public.mentorados
  alter column id                 set not null,
  alter column user_id            drop not null,
  alter column nome_completo      set not null,
  alter column email              drop not null,
  alter column foto_url           drop not null,
  alter column turma              drop not null,
  alter column ativo              set not null,
  alter column meta_faturamento   set not null,
  alter column meta_leads         set not null,
  alter column meta_procedimentos set not null,
  alter column meta_posts         set not null,
  alter column meta_stories       set not null,
  alter column linked_at          drop not null,
  alter column created_at         set not null,
  alter column updated_at         set not null;

-- Keys. A key counts under any name if `on conflict` and a foreign key accept it: unique, checked at once, valid,
-- over all rows and the plain column. New keys get drizzle's names, so that the app's own `drizzle-kit push` finds
-- nothing to change. If the name is taken, the key gets another name.
do $$
declare
  lacking record;
  chosen  text;
begin
  for lacking in
    select w.relation, w.attribute, a.attrelid
    from (values ('users', 'id'), ('users', 'clerk_id'), ('mentorados', 'id'), ('mentorados', 'user_id'))
      as w (relation, attribute)
    join pg_attribute a on a.attrelid = format('public.%I', w.relation)::regclass and a.attname = w.attribute
    where not exists (
      select from pg_index i
      where i.indrelid = a.attrelid and i.indisunique and i.indimmediate and i.indisvalid
        and i.indpred is null and i.indexprs is null and i.indnkeyatts = 1 and i.indkey[0] = a.attnum
    )
  loop
    if lacking.attribute = 'id'
      and not exists (select from pg_index i where i.indrelid = lacking.attrelid and i.indisprimary)
    then
      execute format('alter table public.%I add primary key (id)', lacking.relation);
    else
      chosen := format('%s_%s_unique', lacking.relation, lacking.attribute);
      if to_regclass(format('public.%I', chosen)) is not null
        or exists (select from pg_constraint c where c.conrelid = lacking.attrelid and c.conname = chosen)
      then
        chosen := 'rollcall_' || chosen;
      end if;
      execute format('alter table public.%I add constraint %I unique (%I)',
                     lacking.relation, chosen, lacking.attribute);
    end if;
  end loop;
end
$$;

-- The foreign key. It replaces a key that would forbid deleting the user, or would delete the profile with the user.
do $$
declare
  other  record;
  chosen text := 'mentorados_user_id_users_id_fk';
begin
  for other in
    select c.conname
    from pg_constraint c
    join pg_attribute a on a.attrelid = c.conrelid and a.attname = 'user_id'
    where c.conrelid = 'public.mentorados'::regclass and c.contype = 'f' and c.conkey = array[a.attnum]
      and (c.confdeltype <> 'n' or not c.convalidated)
  loop
    execute format('alter table public.mentorados drop constraint %I', other.conname);
  end loop;

  if not exists (
    select from pg_constraint c
    join pg_attribute a on a.attrelid = c.conrelid and a.attname = 'user_id'
    where c.conrelid = 'public.mentorados'::regclass and c.contype = 'f' and c.conkey = array[a.attnum]
  ) then
    if exists (select from pg_constraint c
               where c.conrelid = 'public.mentorados'::regclass and c.conname = chosen) then
      chosen := 'rollcall_' || chosen;
    end if;
    execute format('alter table public.mentorados add constraint %I
                      foreign key (user_id) references public.users (id) on delete set null', chosen);
  end if;
end
$$;
