-- Everything of Rollcall's own: schema rollcall, and three indexes on the app's tables. No foreign key points into the
-- app's tables, because it would block changes of the app to its own rows.

-- Orders two reads of one Clerk version: the number is drawn before the request starts.
create sequence rollcall.read_sequence as bigint;

-- Rows of users outlive a down migration. Their numbers must stay below new ones, which would lose every tie otherwise.
select setval('rollcall.read_sequence', coalesce(max(read_ticket), 0) + 1, false) from {{usersWithState}};

-- The only functions that compare emails; src/email.ts has their bodies too, and explains them.
create function rollcall.fold_email(email text) returns text
  language sql immutable strict parallel safe
  as $$ select (lower(btrim(email, E'\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u00ad\u061c\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u202f\u205f\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f\u3000\ufeff') collate "C") collate "default") $$;

-- Not strict: Postgres inlines no strict function that has a case.
create function rollcall.near_email(email text) returns text
  language sql immutable parallel safe
  as $$ select (case when octet_length(email) = length(email) then (lower(btrim(email, E'\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u00ad\u061c\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u202f\u205f\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f\u3000\ufeff') collate "C") collate "default") else (normalize(lower(upper(normalize((lower(btrim(email, E'\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u00ad\u061c\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u202f\u205f\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f\u3000\ufeff') collate "C") collate "default"), NFD) collate "und-x-icu")), NFC) collate "default") end) $$;

-- Hash indexes, because a B-tree refuses values above 2,700 bytes, and such a long address could not be written then.
create index if not exists {{claimantIndex}} on {{users}} using hash (rollcall.fold_email({{email}}::text))
  where {{indexedDeletedAt}} is null and {{emailVerified}};
create index if not exists {{profileIndex}} on {{profile}} using hash (rollcall.near_email({{profileEmail}}::text));

-- The full sync finds rows that were created in a page's range and that the page lacks.
create index if not exists {{createdIndex}} on {{users}} (clerk_created_at) where {{deletedAt}} is null;

-- Clerk lacked these users at a request. An ensure call then answers 404 instead of waiting for a row.
create table rollcall.absences (
  clerk_id text primary key,
  seen_at  timestamptz not null default now()
);

-- The live worker processes. Any process can then see whether there is a worker.
create table rollcall.workers (
  id      text primary key,
  seen_at timestamptz not null default now()
);

-- Profiles that may belong to a user, where only an operator may decide. At most one open conflict for each user.
create table rollcall.conflicts (
  id                  bigint generated always as identity primary key,
  user_id             integer not null,
  reason              text not null,
  candidate_ids       integer[] not null,
  -- The fresh profile that was made beside the candidates, and a hash of its content at that time.
  profile_id          integer,
  profile_fingerprint text,
  state               text not null default 'open',
  opened_at           timestamptz not null default now(),
  evaluated_at        timestamptz not null default now(),
  closed_at           timestamptz,
  closed_by           text
);
create unique index conflicts_one_open on rollcall.conflicts (user_id) where state = 'open';
create index conflicts_candidates on rollcall.conflicts using gin (candidate_ids) where state = 'open';

-- The last user of a profile without a user. An erasure needs it after the timeline was pruned.
create table rollcall.former_profiles (
  mentorado_id integer primary key,
  clerk_id     text not null,
  unlinked_at  timestamptz not null default now()
);
create index former_profiles_of_user on rollcall.former_profiles (clerk_id);

-- Timeline of the users, admin audit and outbox. It holds ids and codes only.
create table rollcall.events (
  id                     bigint generated always as identity primary key,
  at                     timestamptz not null default now(),
  -- Null for an event that concerns no user, such as a quarantined delivery.
  clerk_id               text,
  kind                   text not null,
  -- webhook, ensure, reconcile, replay or admin; and the delivery, run or operator behind it.
  cause                  text not null,
  ref                    text,
  details                jsonb not null default '{}',
  -- The outbox: null if the app gets no notification.
  notification_due_at    timestamptz,
  notification_queued_at timestamptz,
  notification_sent_at   timestamptz
);
create index events_of_user on rollcall.events (clerk_id, id desc);
create index events_by_age on rollcall.events (at);
-- Unsent notifications, queued or not, because the queue may have lost some.
create index events_notification_unsent on rollcall.events (at)
  where notification_due_at is not null and notification_sent_at is null;
-- The absence guard counts the deletions of a day while other deletions wait for it.
create index events_absences on rollcall.events (at)
  where kind = 'user_tombstoned' and details ->> 'by' = 'absence';

-- Tombstones of users without a row before: see prune_unknown_tombstones.
create index events_unknown_deletions on rollcall.events (at)
  where kind = 'user_tombstoned' and (details -> 'wasUnknown')::boolean;

-- Deletes the tombstones of users that never had a row, after a day. The worker's role may not delete a user's row, so the
-- function runs with its owner's rights. It deletes only rows that hold nothing and that no row of the app references.
create function rollcall.prune_unknown_tombstones() returns integer
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  candidate record;
  reference record;
  is_used   boolean;
  pruned    integer := 0;
begin
  for candidate in
    select {{idOfRow}}, {{clerkIdOfRow}} from {{users}} u
    where u.{{clerkId}} in (
        select e.clerk_id from rollcall.events e
        where e.kind = 'user_tombstoned' and (e.details -> 'wasUnknown')::boolean
          and e.at < now() - interval '1 day'
      )
      and u.{{deletedAt}} < now() - interval '1 day'
      and coalesce({{personalTexts}}) is null
      and coalesce(u.clerk_created_at, u.clerk_updated_at) is null and u.read_ticket is null
    order by u.{{id}} limit 1000
    for update skip locked
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
        pruned := pruned + 1;
      end if;
    exception when others then
      -- The app's own rules protect the row, or its tables may not be read. Then the tombstone stays.
      null;
    end;
  end loop;
  return pruned;
end $$;

-- Deletions that Clerk did not sign and that were too many at once: they wait for an operator.
create table rollcall.held_deletions (
  clerk_id text primary key,
  held_at  timestamptz not null default now()
);

-- One row for each reconcile run: the request, the progress and the end.
create table rollcall.runs (
  id                  bigint generated always as identity primary key,
  mode                text not null,
  dry_run             boolean not null,
  state               text not null default 'waiting',
  started_by          text not null,
  pages               integer not null default 0,
  seen                integer not null default 0,
  -- Users at Clerk when the run began.
  total               integer,
  created             integer not null default 0,
  linked              integer not null default 0,
  updated             integer not null default 0,
  unchanged           integer not null default 0,
  deleted             integer not null default 0,
  held                integer not null default 0,
  failed              integer not null default 0,
  missed              integer not null default 0,
  error_code          text,
  reason              text,
  -- The place at which the next runner continues after a crash. Only the runner knows its form.
  checkpoint          jsonb,
  -- Runners since the last checkpoint. A page that kills each runner must not be tried forever.
  attempts            integer not null default 0,
  -- For a full run that the incremental sync requested: the changes up to this time, which that sync has seen.
  watermark_ms        bigint,
  cancel_requested_at timestamptz,
  confirmed_by        text,
  requested_at        timestamptz not null default now(),
  started_at          timestamptz,
  heartbeat_at        timestamptz,
  finished_at         timestamptz
);
-- A dry run writes nothing, so it may run beside a run that writes.
create unique index runs_one_open on rollcall.runs (mode, dry_run) where state in ('waiting', 'running');
create index runs_complete on rollcall.runs (mode, finished_at) where state in ('succeeded', 'held') and not dry_run;

-- The process that runs a mode. A process that writes for a run first locks the row and checks token and expiry.
create table rollcall.leases (
  name       text primary key,
  token      uuid not null,
  expires_at timestamptz not null
);

-- Live rows that the pages of a full sync lacked. Their deletion is decided after the walk is complete.
create table rollcall.deletion_candidates (
  run_id    bigint not null references rollcall.runs on delete cascade,
  clerk_id  text not null,
  -- Clerk was asked by id and lacks the user.
  is_absent boolean not null default false,
  primary key (run_id, clerk_id)
);

-- The state of the incremental sync, in one row.
create table rollcall.catch_up (
  only_row        boolean primary key default true check (only_row),
  -- Every change at Clerk up to this time is in our rows; milliseconds since the epoch.
  watermark_ms    bigint,
  -- Users here minus users at Clerk, the number of passes with this difference, and the difference that last started a
  -- full run.
  surplus         integer not null default 0,
  surplus_passes  integer not null default 0,
  checked_surplus integer not null default 0
);
insert into rollcall.catch_up default values;

-- The times of reconcile's requests to Clerk, so that all processes together stay within their share of Clerk's limit.
create unlogged table rollcall.clerk_requests (at timestamptz not null);
create index clerk_requests_at on rollcall.clerk_requests (at);

-- Takes one of `most` requests in any window. Returns 0 if it was granted, otherwise the wait in milliseconds. In
-- plpgsql each statement has a new snapshot, so the count after the lock includes the requests that were committed
-- meanwhile.
create function rollcall.take_clerk_request(most integer, window_ms integer) returns integer
  language plpgsql as $$
declare
  blocking timestamptz;
begin
  perform pg_advisory_xact_lock(x'636c6572'::int);
  delete from rollcall.clerk_requests where at < clock_timestamp() - window_ms * interval '1 millisecond';
  select at into blocking from rollcall.clerk_requests order by at desc offset most - 1 limit 1;
  if blocking is null then
    insert into rollcall.clerk_requests (at) values (clock_timestamp());
    return 0;
  end if;
  return greatest(1, ceil(extract(epoch from blocking - clock_timestamp()) * 1000 + window_ms));
end $$;

-- The counts of all processes in slices of half a minute. The alerts' rates cover all processes and outlive each of
-- them.
create table rollcall.samples (
  metric text not null,
  at     timestamptz not null,
  -- The labels of the series as JSON, in the order of their names.
  labels text not null,
  value  double precision not null,
  primary key (metric, at, labels)
);
create index samples_by_age on rollcall.samples (at);

-- The state of each alert. The rules are part of the code.
create table rollcall.alerts (
  name             text primary key,
  state            text not null,
  since            timestamptz not null,
  value            double precision,
  fired_at         timestamptz,
  resolved_at      timestamptz,
  evaluated_at     timestamptz not null,
  -- The firing that was last sent to ALERT_WEBHOOK_URL, and the time at which its end was sent.
  fired_sent_at    timestamptz,
  resolved_sent_at timestamptz
);
