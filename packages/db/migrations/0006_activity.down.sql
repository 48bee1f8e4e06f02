drop table rollcall.alert_delivery, rollcall.alert_firings, rollcall.activity_progress, rollcall.activity_counts;
drop index rollcall.events_of_operators_and_processes;
