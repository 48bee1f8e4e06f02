-- What all processes counted, in slices of half a minute: an alert's rate is over all of them and outlives each.
create table rollcall.samples (
  metric text not null,
  at     timestamptz not null,
  -- The series' labels as JSON, in the order of their names.
  labels text not null,
  value  double precision not null,
  primary key (metric, at, labels)
);
create index samples_by_age on rollcall.samples (at);

-- What each alert came to. Its rules are data of the build.
create table rollcall.alerts (
  name        text primary key,
  state       text not null,
  since       timestamptz not null,
  value       double precision,
  fired_at    timestamptz,
  resolved_at timestamptz,
  evaluated_at   timestamptz not null,
  -- The firing that ALERT_WEBHOOK_URL was told of, and whether it was told of its end.
  fired_sent_at    timestamptz,
  resolved_sent_at timestamptz
);
