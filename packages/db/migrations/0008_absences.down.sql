drop index rollcall.events_absences;
