-- The guard of deletions by absence counts those of a day, while a table lock waits: not all that a day brought.
create index events_absences on rollcall.events (at)
where kind = 'user_tombstoned' and details ->> 'by' = 'absence';
