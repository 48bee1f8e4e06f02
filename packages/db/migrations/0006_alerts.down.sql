drop table rollcall.alerts;
drop table rollcall.samples;
