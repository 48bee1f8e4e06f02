-- Roles with minimal rights: rollcall_migrator makes tables, rollcall_worker writes rows, rollcall_api reads rows and writes
-- a few. The CLI and its doctor run as rollcall_worker.
--
-- Run this file in Rollcall's database as a superuser, or as the database's owner with the right to create roles. Run it once
-- before the first `npm run migrate`, and again after every migrate that applied something. It changes only wrong grants.
--
--   psql "$OWNER_URL" --single-transaction --set ON_ERROR_STOP=1 --file ops/roles.sql
--   psql "$OWNER_URL" --command '\password rollcall_api'     and the other two
--
-- It is made by `npx rollcall roles`, from the mapping that ROLLCALL_CONFIG names; ops/roles.sql is for the default tables.
-- Between a migrate and the next run of this file, default privileges let both roles use the new tables.

-- This file may run as a superuser in a database where other roles made functions. Their functions must not shadow Postgres'
-- own. "set local" would only print a warning without --single-transaction.
set search_path = pg_catalog, pg_temp;

do $$
declare
  chosen text;
begin
  foreach chosen in array array['rollcall_migrator', 'rollcall_api', 'rollcall_worker'] loop
    if to_regrole(chosen) is null then
      execute format('create role %I login', chosen);
    end if;
  end loop;
  -- A role that is no superuser can grant on another role's tables only as its member.
  if not (select rolsuper from pg_roles where rolname = current_user)
    and not pg_has_role(current_user, 'rollcall_migrator', 'usage') then
    execute format('grant rollcall_migrator to %I', current_user);
  end if;
  execute format('grant connect, create on database %I to rollcall_migrator', current_database());
  execute format('grant connect on database %I to rollcall_api', current_database());
  -- By default every role may create temporary tables. The api needs none, and the app's roles get the right from the owner.
  execute format('revoke temporary on database %I from public', current_database());
  -- The staging table of a dry run is temporary.
  execute format('grant connect, temporary on database %I to rollcall_worker', current_database());
end
$$;

-- Before PostgreSQL 15 every role could create tables here.
revoke create on schema public from public;
grant usage, create on schema {{adoptedSchemas}} to rollcall_migrator;
grant usage on schema {{keptSchemas}} to rollcall_migrator; -- The app's tables keep their owner. Migrate only tries to write them.
grant select, insert, update, delete on {{keptTables}} to rollcall_migrator;
do $$ declare counter text; begin foreach counter in array array[{{keptSequences}}] loop continue when counter is null; execute format('grant usage on sequence %s to rollcall_migrator', counter); end loop; end $$;
grant usage on schema {{appSchemas}} to rollcall_api, rollcall_worker;

create schema if not exists rollcall authorization rollcall_migrator;
create schema if not exists bullmq authorization rollcall_migrator;
grant usage on schema rollcall, bullmq to rollcall_api, rollcall_worker;

-- Only an owner may alter a table. Tables that other roles made before, mainly those of the app, become the migrator's.
-- Their former owner becomes a member of the migrator and keeps all its rights.
do $$
declare
  found record;
begin
  for found in
    select c.oid::regclass as name, c.relkind, c.relowner, c.relowner::regrole as owner
    from pg_class c
    where c.relowner <> 'rollcall_migrator'::regrole
      and (c.oid in ({{appTables}})
        or c.relnamespace in ('rollcall'::regnamespace, 'bullmq'::regnamespace) and c.relkind in ('r', 'p', 'S'))
      -- A sequence that belongs to a column changes its owner together with its table.
      and not exists (select from pg_depend d where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i'))
  loop
    execute format('alter %s %s owner to rollcall_migrator',
                   case found.relkind when 'S' then 'sequence' else 'table' end, found.name);
    if not (select rolsuper from pg_roles where oid = found.relowner)
      and not pg_has_role(found.relowner, 'rollcall_migrator', 'usage') then
      execute format('grant rollcall_migrator to %s', found.owner);
    end if;
  end loop;
end
$$;

do $$
declare
  routine regprocedure;
  kind    regtype;
begin
  for routine in
    select oid::regprocedure from pg_proc
    where pronamespace in ('rollcall'::regnamespace, 'bullmq'::regnamespace) and proowner <> 'rollcall_migrator'::regrole
  loop
    execute format('alter routine %s owner to rollcall_migrator', routine);
  end loop;
  for kind in
    select oid::regtype from pg_type
    where typnamespace = 'bullmq'::regnamespace and typtype = 'e' and typowner <> 'rollcall_migrator'::regrole
  loop
    execute format('alter type %s owner to rollcall_migrator', kind);
  end loop;
  if (select nspowner from pg_namespace where nspname = 'rollcall') <> 'rollcall_migrator'::regrole then
    alter schema rollcall owner to rollcall_migrator;
  end if;
  if (select nspowner from pg_namespace where nspname = 'bullmq') <> 'rollcall_migrator'::regrole then
    alter schema bullmq owner to rollcall_migrator;
  end if;
end
$$;

-- Grants on tables that later migrations make.
alter default privileges for role rollcall_migrator in schema rollcall, bullmq
  grant select, insert, update, delete on tables to rollcall_api, rollcall_worker;
alter default privileges for role rollcall_migrator in schema rollcall, bullmq
  grant usage on sequences to rollcall_api, rollcall_worker;

-- BullMQ's tables. BullMQ decides its statements, so both roles get all rights. They are empty when REDIS_URL is set.
grant select, insert, update, delete on all tables in schema bullmq to rollcall_api, rollcall_worker;
grant usage on all sequences in schema bullmq to rollcall_api, rollcall_worker;
revoke insert, update, delete on all tables in schema rollcall from rollcall_api;
grant select on all tables in schema rollcall to rollcall_api;
revoke usage on all sequences in schema rollcall from rollcall_api;
grant select, insert, update, delete on all tables in schema rollcall to rollcall_worker;
grant usage on all sequences in schema rollcall to rollcall_worker;

do $$
declare
  granted record;
  counter text;
  referencing record;
begin
  -- An insert also uses the sequences behind the defaults of the app's own columns. Migrate writes users as a test.
  for counter in select used.oid::regclass from ({{usedSequences}}
    ) used
  loop
    execute format('grant usage on sequence %s to rollcall_migrator, rollcall_worker', counter);
  end loop;
  -- Before the first migrate there are no tables to grant on.
  if to_regclass('rollcall.migrations') is null then
    return;
  end if;

  for granted in
    select * from (values
      -- A user's row is never deleted: a tombstone stays.
      ('select, insert, update', {{usersText}}, 'rollcall_worker'),
      ('select, insert, update, delete', {{profileText}}, 'rollcall_worker'),
      ('select, insert, update', {{organizationsText}}, 'rollcall_worker'), -- A row of an organization is never deleted either.
      ('select, insert, update, delete', {{membershipsText}}, 'rollcall_worker'), -- An ended membership may have no row.
      ('select', {{organizationsText}}, 'rollcall_api'),
      ('select', {{membershipsText}}, 'rollcall_api'),
      -- The api changes a tier. When an operator resolves a conflict, the api links the profile and deletes the fresh one.
      ({{apiOnUsers}}, {{usersText}}, 'rollcall_api'),
      ({{apiOnProfile}}, {{profileText}}, 'rollcall_api'),
      ('insert (clerk_id), update (tier, updated_at)', {{stateText}}, 'rollcall_api'),
      ('insert, update, delete', {{linksText}}, 'rollcall_api'),
      ('update', 'rollcall.conflicts', 'rollcall_api'),
      ('insert, update', 'rollcall.former_profiles', 'rollcall_api'),
      ('insert', 'rollcall.claimed_profiles', 'rollcall_api'),
      -- The api only adds to the timeline.
      ('insert', 'rollcall.events', 'rollcall_api'),
      ('insert, update', 'rollcall.runs', 'rollcall_api'),
      -- The api selects the users of a bulk change, and the worker changes them.
      ('insert, update', 'rollcall.bulk_changes', 'rollcall_api'),
      ('insert', 'rollcall.bulk_portions', 'rollcall_api'),
      ('insert', 'rollcall.purges', 'rollcall_api'),
      -- The process with the lease, api or worker, evaluates alerts.
      ('insert, update', 'rollcall.leases', 'rollcall_api'),
      ('insert, update', 'rollcall.alerts', 'rollcall_api'),
      ('insert, update', 'rollcall.alert_firings', 'rollcall_api'),
      ('insert, update', 'rollcall.alert_delivery', 'rollcall_api'),
      ('insert, update, delete', 'rollcall.samples', 'rollcall_api'),
      -- Logins to the console.
      ('insert, update, delete', 'rollcall.admin_sessions', 'rollcall_api')
    ) as g (privileges, relation, role)
  loop
    -- After a rollback the newest tables do not exist.
    continue when to_regclass(granted.relation) is null;
    execute format('grant %s on %s to %s', granted.privileges, granted.relation, granted.role);
  end loop;
  revoke insert, update, delete on rollcall.migrations from rollcall_worker;
  if to_regclass('rollcall.known_columns') is not null then
    revoke insert, update, delete on rollcall.known_columns from rollcall_worker;
  end if;
  -- Only the api has to do with logins.
  if to_regclass('rollcall.admin_sessions') is not null then
    revoke all on rollcall.admin_sessions from rollcall_worker;
  end if;
  -- A key of another type has no sequence.
  foreach counter in array array[{{keySequences}}] loop
    continue when counter is null;
    execute format('grant usage on sequence %s to rollcall_worker', counter);
  end loop;

  -- Before a profile is deleted, api and worker check whether a row of the app references it.
  for referencing in
    select c.conrelid::regclass as name, a.attname
    from pg_constraint c
    join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any (c.conkey)
    where c.contype = 'f' and c.confrelid = {{profileRegclass}}
  loop
    execute format('grant select (%I) on %s to rollcall_api, rollcall_worker', referencing.attname, referencing.name);
    execute format('grant usage on schema %s to rollcall_api, rollcall_worker',
                   (select relnamespace::regnamespace from pg_class where oid = referencing.name));
  end loop;
end
$$;

reset search_path;
