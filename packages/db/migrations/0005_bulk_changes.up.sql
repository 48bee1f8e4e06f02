-- A change that an operator makes for many users at once. The api selects the users in the statement that makes the
-- change, so the search text is stored nowhere, and users that match only later are not changed.
create table rollcall.bulk_changes (
  id           bigint generated always as identity primary key,
  -- The new tier; null for sync jobs.
  tier         text,
  -- The filter without its search text; null when the users were named one by one.
  filter       jsonb,
  searched     boolean not null,
  state        text not null default 'waiting',
  matching     integer not null default 0,
  done         integer not null default 0,
  failed       integer not null default 0,
  skipped      integer not null default 0,
  error_code   text,
  started_by   text not null,
  cancelled_by text,
  requested_at timestamptz not null default now(),
  started_at   timestamptz,
  changed_at   timestamptz not null default now(),
  finished_at  timestamptz
);
create index bulk_changes_open on rollcall.bulk_changes (id) where state in ('waiting', 'running');

-- The users that are still to do, by the portion. One row for each user would cost many times as much.
create table rollcall.bulk_portions (
  bulk_id     bigint not null references rollcall.bulk_changes on delete cascade,
  number      integer not null,
  clerk_ids   text[] not null,
  -- Users whose row is written and whose cache keys may still be old.
  written_ids text[] not null default '{}',
  -- A worker claims a portion until `due_at`. Its later statements name the claim, so a worker that was suspended
  -- meanwhile changes nothing.
  claim       bigint not null default 0,
  due_at      timestamptz not null default now(),
  -- Attempts that a locked row or an unexpected error ended.
  failures    integer not null default 0,
  primary key (bulk_id, number)
);

-- What a dry run would change, user by user, up to a limit. Only the newest dry runs have rows.
create table rollcall.run_differences (
  run_id      bigint not null references rollcall.runs on delete cascade,
  number      integer not null,
  clerk_id    text not null,
  kind        text not null,
  code        text,
  -- The read sequence of the user's version at Clerk. A row with a later one was written since.
  read_ticket bigint,
  primary key (run_id, number)
);
create index run_differences_of_user on rollcall.run_differences (clerk_id, run_id);

-- Which operator was faster with a dead letter.
create index events_of_dead_letter on rollcall.events ((details ->> 'deadLetterId'))
  where kind in ('dead_letter_replayed', 'dead_letter_discarded');

-- And with a run.
create index events_of_run on rollcall.events ((details ->> 'runId'))
  where kind in ('reconcile_cancelled', 'deletions_confirmed');

-- Purges that an operator requests from the api, whose role may not change the data of a person. A worker carries them out.
create table rollcall.purges (
  id           bigint generated always as identity primary key,
  clerk_id     text not null,
  keep_profile boolean not null,
  also         integer[] not null,
  -- Carried out and rolled back.
  preview      boolean not null,
  started_by   text not null,
  requested_at timestamptz not null default now(),
  -- As with bulk_portions.
  claim        integer not null default 0,
  due_at       timestamptz not null default now(),
  -- What went and what stayed, in ids and counts; or why it was refused.
  answer       jsonb,
  error_code   text,
  hint         text,
  finished_at  timestamptz
);
create unique index purges_one_open on rollcall.purges (clerk_id) where finished_at is null and not preview;
create index purges_due on rollcall.purges (due_at) where finished_at is null;
