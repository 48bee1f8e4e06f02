create index events_notification_due on rollcall.events (id) where notification_due_at is not null and notification_queued_at is null;
drop index rollcall.events_notification_unsent;
