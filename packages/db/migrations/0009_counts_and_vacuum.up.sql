-- What tables of millions of rows need.

-- The numbers of users, kept by the incremental sync, so that status and metrics need not read a large table. At most one row.
create table rollcall.user_counts (
  only_row        boolean primary key default true check (only_row),
  live            integer not null,
  banned          integer not null,
  deleted         integer not null,
  without_profile integer not null,
  counted_at      timestamptz not null,
  -- How long the count took. It decides when the next one is due, and whether the numbers are shown.
  took_ms         integer not null
);

-- By default, autovacuum waits for a fifth of a table: for 4 million dead rows where 20 million are pruned.
alter table rollcall.events set (
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02
);
