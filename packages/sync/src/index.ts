export {
  type BulkContext,
  cancelBulk,
  getBulkChange,
  requestBulkChange,
  workOnBulkChanges,
} from "./admin/bulk-changes.ts";
export { requestSyncs, setTier } from "./admin/change-user.ts";
export { checkPostgres, checkQueue } from "./admin/check-services.ts";
export { explainConflict, resolveConflict } from "./admin/conflicts.ts";
export {
  discardDeadLetters,
  type Refused,
  replayDeadLetters,
} from "./admin/dead-letters.ts";
export { explainUser } from "./admin/explain.ts";
export {
  explainMembership,
  type MembershipReport,
} from "./admin/memberships.ts";
export {
  explainOrganization,
  findMembers,
  findOrganizations,
  nameOrganizations,
  type OrganizationReportContext,
  requestOrganizationSync,
} from "./admin/organizations.ts";
export { describePeople } from "./admin/people.ts";
export { findProblems } from "./admin/problems.ts";
export { type Purge, purgeUser } from "./admin/purge.ts";
export { recordNewDeadLetters } from "./admin/record-dead-letters.ts";
export { requestPurgeByWorker, workOnPurges } from "./admin/requested-purges.ts";
export { listSchedules } from "./admin/schedules.ts";
export { askClerk, countAll, readFacts, readStatus } from "./admin/status.ts";
export type { ReadLoad } from "./coalesce/coalesced-reader.ts";
export { countPostgresError } from "./count-postgres-error.ts";
export { type EnsureContext, type EnsureResult, ensureUser } from "./ensure/ensure.ts";
export { startPostgresMonitor } from "./ensure/postgres-monitor.ts";
export {
  createSessionCache,
  noSessionCache,
  openSessionCache,
  type SessionCache,
} from "./ensure/session-cache.ts";
export {
  createOrganizationContext,
  type OrganizationContext,
  type OrganizationSyncOutcome,
} from "./organization/organization-context.ts";
export { syncOrganization } from "./organization/sync-organization.ts";
export { confirmDeletions } from "./reconcile/confirm-held-deletions.ts";
export { cancelRun, requestConfirmation, requestRun } from "./reconcile/request-run.ts";
export { decideRequestBudget } from "./reconcile/retrying-clerk.ts";
export { claimIdleRuns, followRun, limitHeapGrowth, runReconcile } from "./reconcile/run.ts";
export type { ReconcileContext, RunOptions } from "./reconcile/runner.ts";
export { createDeletionReader, createUserReader } from "./user/fetch-users.ts";
export {
  giveUpNotification,
  type NotificationTarget,
  relayNotifications,
  sendNotification,
} from "./user/notify-app.ts";
export { createRowReader } from "./user/read-rows.ts";
export { type SyncContext, type SyncOutcome, syncUser } from "./user/sync-user.ts";
export { createUserWriter } from "./user/write-users.ts";
