-- Orders two reads of the same Clerk version: the number is drawn before the request leaves.
create sequence rollcall.read_sequence as bigint;

-- Rows outlive this migration's way down, and their tickets with them: smaller ones would lose every tie.
select setval('rollcall.read_sequence', coalesce(max(read_ticket), 0) + 1, false) from public.users;

-- "Clerk had no such user when we looked": lets an ensure call answer 404 instead of waiting for a row.
create table rollcall.absences (
  clerk_id text primary key,
  seen_at  timestamptz not null default now()
);

-- One row for each live worker process, so that any process can tell whether somebody works.
create table rollcall.workers (
  id      text primary key,
  seen_at timestamptz not null default now()
);
