-- What the console shows over time. Its cost does not depend on the number of users.

-- Counts of quarters of an hour. Days of every time zone begin with one.
create table rollcall.activity_counts (
  -- sign_ups, provisioned, deleted, events or time_to_profile.
  kind   text not null,
  -- The start of the quarter.
  at     timestamptz not null,
  -- For time_to_profile the number of the histogram's bucket, otherwise 0.
  bucket smallint not null default 0,
  value  bigint not null,
  primary key (kind, at, bucket)
);

-- How far the counts have come, in one row.
create table rollcall.activity_progress (
  only_row          boolean primary key default true check (only_row),
  -- Every event up to this id is counted.
  counted_to        bigint not null default 0,
  -- Users without a user_created event above this id existed before. They are counted once, from their rows.
  installed_event   bigint not null,
  -- Only users that sign up later count for the time to the profile.
  installed_at      timestamptz not null,
  -- Existing users are counted in the order of clerk_id, up to this one.
  existing_to       text not null default '',
  existing_are_done boolean not null default false
);
insert into rollcall.activity_progress (installed_event, installed_at)
select coalesce((select max(id) from rollcall.events), 0),
       coalesce((select min(applied_at) from rollcall.migrations), now());

-- Audit and marks are few among millions of events of users.
create index events_of_operators_and_processes on rollcall.events (cause, id)
  where cause in ('admin', 'process') and ref is not null;

-- Each firing of an alert. rollcall.alerts has only the latest one.
create table rollcall.alert_firings (
  id          bigint generated always as identity primary key,
  name        text not null,
  value       double precision,
  fired_at    timestamptz not null,
  resolved_at timestamptz,
  unique (name, fired_at)
);
create index alert_firings_by_age on rollcall.alert_firings (fired_at);

-- Where alerts were last sent, in one row. It never holds the path of the address.
create table rollcall.alert_delivery (
  only_row          boolean primary key default true check (only_row),
  -- Null while ALERT_WEBHOOK_URL is unset in the process that evaluates alerts.
  host              text,
  last_sent_at      timestamptz,
  last_failed_at    timestamptz,
  last_failure_code text
);
