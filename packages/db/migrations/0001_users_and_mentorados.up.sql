-- The app may already have both tables, with more columns: each statement adds only what is missing.
create table if not exists public.users (id serial primary key);

alter table public.users
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

-- The names are drizzle's, so that the app's own `drizzle-kit push` finds nothing to change.
do $$
begin
  if not exists (select from pg_constraint where conname = 'users_clerk_id_unique') then
    alter table public.users add constraint users_clerk_id_unique unique (clerk_id);
  end if;
  if not exists (select from pg_constraint where conname = 'mentorados_user_id_unique') then
    alter table public.mentorados add constraint mentorados_user_id_unique unique (user_id);
  end if;
  if not exists (select from pg_constraint where conname = 'mentorados_user_id_users_id_fk') then
    alter table public.mentorados add constraint mentorados_user_id_users_id_fk
      foreign key (user_id) references public.users (id) on delete set null;
  end if;
end
$$;
