-- Only for a mapping whose users.state is "separate": the app's tables get no column, and all of Rollcall's own is here.

-- A user's values that the app's table has no column for. The other columns of a row are not used.
create table rollcall.user_states (
  clerk_id         text primary key,
  email            text,
  email_verified   boolean not null default false,
  role             text not null default 'user',
  role_source      text,
  tier             text not null default 'FREE',
  banned           boolean not null default false,
  clerk_created_at timestamptz,
  clerk_updated_at timestamptz,
  read_ticket      bigint,
  deleted_at       timestamptz,
  created_at       timestamptz not null default now(),
  updated_at       timestamptz not null default now()
);

-- A hash index, because a B-tree refuses values above 2,700 bytes.
create index user_states_email on rollcall.user_states using hash (rollcall.fold_email(email));
create index user_states_clerk_created_at on rollcall.user_states (clerk_created_at);

-- Users of the app that are there now have the time of this migration. Later rows of the app have no state before their
-- first sync.
insert into rollcall.user_states (clerk_id) select {{clerkId}} from {{users}} where {{clerkId}} is not null;

-- Which user Rollcall gave each profile, and when. A profile without a user keeps the time, so it is never given to another
-- user. The unique key holds what Rollcall links: one profile for each user.
create table rollcall.profile_links (
  profile_key text primary key,
  user_key    text unique,
  linked_at   timestamptz not null
);
insert into rollcall.profile_links (profile_key, user_key, linked_at) select {{profileId}}::text, {{profileLink}}::text, now() from {{profile}} where {{profileLink}} is not null;

-- As in 0002, over two tables, and also states whose row the app deleted. The state is locked before the app's row, as all
-- writers do.
create or replace function rollcall.prune_unknown_tombstones() returns integer
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  candidate record;
  reference record;
  is_used   boolean;
  pruned    integer := 0;
  orphans   text[];
begin
  -- The state of a row that the app deleted may hold an address. Each statement has a new snapshot, so the second one sees
  -- a row that came back before the state was locked.
  select array_agg(o.clerk_id) into orphans from (
    select t.clerk_id from rollcall.user_states t
    where not exists (select from {{users}} u where u.{{clerkId}} = t.clerk_id)
    order by t.clerk_id limit 1000 for update skip locked
  ) o;
  delete from rollcall.user_states t
  where t.clerk_id = any (orphans) and not exists (select from {{users}} u where u.{{clerkId}} = t.clerk_id);

  for candidate in
    select {{idOfRow}}, t.clerk_id
    from rollcall.user_states t join {{userRows}} u on u.{{clerkId}} = t.clerk_id
    where t.clerk_id in (
        select e.clerk_id from rollcall.events e
        where e.kind = 'user_tombstoned' and (e.details -> 'wasUnknown')::boolean
          and e.at < now() - interval '1 day'
      )
      and u.{{deletedAt}} < now() - interval '1 day'
      and coalesce({{personalTexts}}) is null
      and coalesce(u.clerk_created_at, u.clerk_updated_at) is null and u.read_ticket is null
    order by t.clerk_id limit 1000
    for update of t skip locked
  loop
    begin
      is_used := false;
      for reference in
        select c.conrelid::regclass as name, a.attname, r.attname as referenced
        from pg_constraint c
        join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
        join pg_attribute r on r.attrelid = c.confrelid and r.attnum = c.confkey[1]
        where c.contype = 'f' and c.confrelid = {{usersText}}::regclass
      loop
        execute format('select $1 or exists (select from %s x join {{usersInFormat}} u on u.%I = x.%I where u.{{idInFormat}} = $2)',
                       reference.name, reference.referenced, reference.attname)
          into is_used using is_used, candidate.id;
      end loop;
      if not is_used then
        delete from {{users}} where {{id}} = candidate.id;
        delete from rollcall.user_states where clerk_id = candidate.clerk_id;
        pruned := pruned + 1;
      end if;
    exception when others then
      -- The app's own rules protect the row, or its tables may not be read. Then the tombstone stays.
      null;
    end;
  end loop;
  return pruned;
end $$;
