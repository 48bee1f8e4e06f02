-- The one place where emails are made comparable. Not lower(): it maps other letters onto ASCII ones, and then
-- one person's address would match another's.
create function rollcall.fold_email(email text) returns text
  language sql immutable strict parallel safe
  as $$ select translate(btrim(email, E' \t\r\n'), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') $$;

-- Hash indexes: a B-tree refuses values over 2,700 bytes, and then a very long address could not be written at all.
create index if not exists users_claimant_email on public.users using hash (rollcall.fold_email(email::text))
  where deleted_at is null and email_verified;
create index if not exists mentorados_folded_email on public.mentorados using hash (rollcall.fold_email(email::text));

-- A profile that might be a user's, but that only a person may decide. At most one open conflict for each user.
create table rollcall.conflicts (
  id                  bigint generated always as identity primary key,
  -- No foreign keys into the app's tables: they would stand in the way of what the app does with its rows.
  user_id             integer not null,
  reason              text not null,
  candidate_ids       integer[] not null,
  -- The fresh profile that was made beside the candidates, and what it looked like then.
  profile_id          integer,
  profile_fingerprint text,
  state               text not null default 'open',
  opened_at           timestamptz not null default now(),
  evaluated_at           timestamptz not null default now(),
  closed_at           timestamptz,
  closed_by           text
);
create unique index conflicts_one_open on rollcall.conflicts (user_id) where state = 'open';
create index conflicts_candidates on rollcall.conflicts using gin (candidate_ids) where state = 'open';

-- What happened to a user, when and why: timeline, admin audit and outbox in one. Ids and codes only.
create table rollcall.events (
  id           bigint generated always as identity primary key,
  at           timestamptz not null default now(),
  clerk_id     text not null,
  kind         text not null,
  -- webhook, ensure, reconcile, replay, admin; and the delivery, run or person behind it.
  cause        text not null,
  ref          text,
  details      jsonb not null default '{}',
  -- The welcome hook's outbox: null when nobody is to be told.
  notification_due_at    timestamptz,
  notification_queued_at timestamptz,
  notification_sent_at   timestamptz
);
create index events_of_user on rollcall.events (clerk_id, id desc);
create index events_by_age on rollcall.events (at);
create index events_notification_due on rollcall.events (id) where notification_due_at is not null and notification_queued_at is null;

-- Deletions that Clerk did not sign and that were too many at once: they wait for a person.
create table rollcall.held_deletions (
  clerk_id text primary key,
  held_at  timestamptz not null default now()
);
