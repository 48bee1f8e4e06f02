-- What the app does not know yet, queued or not: the queue may have lost it.
create index events_notification_unsent on rollcall.events (at) where notification_due_at is not null and notification_sent_at is null;
drop index rollcall.events_notification_due;
