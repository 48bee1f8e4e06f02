create index events_hook_due on rollcall.events (id) where hook_due_at is not null and hook_queued_at is null;
drop index rollcall.events_hook_unsent;
