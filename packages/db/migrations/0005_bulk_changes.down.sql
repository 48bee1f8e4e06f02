drop index rollcall.events_of_run;
drop index rollcall.events_of_dead_letter;
drop table rollcall.purges;
drop table rollcall.run_differences;
drop table rollcall.bulk_portions;
drop table rollcall.bulk_changes;
