delete from rollcall.events where clerk_id is null;
alter table rollcall.events alter column clerk_id set not null;
