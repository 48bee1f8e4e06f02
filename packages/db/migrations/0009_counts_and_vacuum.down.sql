drop table rollcall.user_counts;
alter table rollcall.events reset (
  autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor, autovacuum_analyze_scale_factor
);
