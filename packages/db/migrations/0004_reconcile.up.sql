-- One row for each reconcile run: what was asked for, how far it came, how it ended.
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
  -- Where to go on after a death; its form is the runner's business.
  checkpoint          jsonb,
  -- Runners since the last checkpoint: a page that kills each of them must not be tried for ever.
  attempts            integer not null default 0,
  -- A full run began after Clerk had shown this to the catch-up that asked for it: see rollcall.catch_up.
  watermark_ms        bigint,
  cancel_requested_at timestamptz,
  confirmed_by        text,
  requested_at        timestamptz not null default now(),
  started_at          timestamptz,
  heartbeat_at        timestamptz,
  finished_at         timestamptz
);
-- A dry run is beside the real ones: it writes nothing, so neither waits for the other.
create unique index runs_one_open on rollcall.runs (mode, dry_run) where state in ('waiting', 'running');
create index runs_complete on rollcall.runs (mode, finished_at) where state in ('succeeded', 'held') and not dry_run;

-- Who runs a mode. Whoever writes for a run locks its lease's row and finds its own token there, not expired.
create table rollcall.leases (
  name       text primary key,
  token      uuid not null,
  expires_at timestamptz not null
);

-- Our live rows that a sweep's pages lacked. Nobody is judged before the walk is complete.
create table rollcall.deletion_candidates (
  run_id    bigint not null references rollcall.runs on delete cascade,
  clerk_id  text not null,
  -- Clerk was asked by id and does not have them.
  is_absent boolean not null default false,
  primary key (run_id, clerk_id)
);

create table rollcall.catch_up (
  only_row     boolean primary key default true check (only_row),
  -- Highest updated_at at Clerk up to which every change is in our rows; milliseconds since the epoch.
  watermark_ms bigint,
  -- Users here minus users at Clerk, for how many passes in a row, and the one that a full run was started for.
  surplus        integer not null default 0,
  surplus_passes integer not null default 0,
  checked_surplus  integer not null default 0
);
insert into rollcall.catch_up default values;

-- A sweep looks for rows that were created in a page's range and that the page lacks.
create index if not exists users_clerk_created_at on public.users (clerk_created_at) where deleted_at is null;

-- When reconcile asked Clerk, so that all processes together stay inside their share of its limit.
create unlogged table rollcall.clerk_requests (at timestamptz not null);
create index clerk_requests_at on rollcall.clerk_requests (at);

-- Takes one of `most` requests in any window. Returns 0 when it was granted, else milliseconds to wait. In plpgsql
-- each statement sees what was committed before it, so that after the lock nobody counts twice.
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
