-- What the app does not know yet, queued or not: the queue may have lost it.
create index events_hook_unsent on rollcall.events (at) where hook_due_at is not null and hook_sent_at is null;
drop index rollcall.events_hook_due;
