/**
 * The stable names of log events, for search and alerts. Other log lines have no stable name. Names with `mentorado` are
 * those of the default mapping: see `nameProfileEvent`.
 */
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
  "users_created",
  "user_altered_by_app",
  "user_tombstoned",
  "user_deletion_failed",
  "organization_synced",
  "organization_sync_failed",
  "organizations_reconciled",
  "organizations_ended",
  "deletion_held",
  "deletion_unconfirmed",
  "cache_hit_no_mentorado",
  "outage_began",
  "outage_ended",
  "notification_sent",
  "dead_letter_moved",
  "dead_letters_replayed",
  "dead_letters_discarded",
  "bulk_requested",
  "bulk_ended",
  "users_exported",
  "user_purged",
  "telemetry_lost",
  "telemetry_misconfigured",
  "alert_fired",
  "alert_resolved",
  "alert_not_sent",
  "clerk_fields_unreadable",
  "queue_connected",
  "queue_lost",
  "queue_emptied",
  "clock_wrong",
  "schema_changed",
  "schema_restored",
  "postgres_lost",
  "postgres_back",
  "postgres_refused_connection",
  "reconcile_started",
  "reconcile_waits",
  "reconcile_interrupted",
  "reconcile_succeeded",
  "reconcile_held",
  "reconcile_failed",
  "reconcile_cancelled",
  "operator_logged_in",
  "operator_logged_out",
  "operator_session_revoked",
  "operator_sessions_ended",
  "console_not_built",
  "request_answered",
  "request_refused",
  "origin_refused",
  "request_failed",
  "connections_refused",
  "forwarded_header_ignored",
] as const;

type ProfileEvent =
  | `${string}_created`
  | `${string}_linked`
  | `${string}_creation_failed`
  | `cache_hit_no_${string}`;

export type LogEvent = (typeof logEvents)[number] | ProfileEvent;

const profileEvents = {
  created: (name: string): ProfileEvent => `${name}_created`,
  linked: (name: string): ProfileEvent => `${name}_linked`,
  creation_failed: (name: string): ProfileEvent => `${name}_creation_failed`,
  missing_in_cache: (name: string): ProfileEvent => `cache_hit_no_${name}`,
};

/** The name of a log event about a profile. @param name the profile's name in the mapping, `mentorado` by default */
export function nameProfileEvent(what: keyof typeof profileEvents, name: string): LogEvent {
  return profileEvents[what](name);
}
