/** Names of log events that ops may grep and alert on; other log lines have no stable name. */
export const logEvents = [
  "webhook_accepted",
  "webhook_ignored",
  "webhook_quarantined",
  "webhook_refused",
  "webhook_unavailable",
  "mentorado_created",
  "mentorado_linked",
  "mentorado_creation_failed",
  "user_synced",
  "user_tombstoned",
  "user_deletion_failed",
  "deletion_held",
  "cache_hit_no_mentorado",
  "outage_began",
  "outage_ended",
  "hook_delivered",
  "dead_letter_moved",
  "queue_connected",
  "queue_lost",
  "postgres_lost",
  "postgres_back",
  "request_answered",
  "request_failed",
] as const;

export type LogEvent = (typeof logEvents)[number];
