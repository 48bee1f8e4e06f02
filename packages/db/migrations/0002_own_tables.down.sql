drop table rollcall.workers;
drop table rollcall.absences;
drop sequence rollcall.read_sequence;
