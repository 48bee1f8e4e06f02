export { requestSyncs, setTier } from "./admin/change-user.ts";
export {
  type DeadLetterContext,
  discardDeadLetters,
  type Refused,
  replayDeadLetters,
} from "./admin/dead-letters.ts";
export { type ExplainContext, explainUser } from "./admin/explain.ts";
export { type PurgeContext, purgeUser } from "./admin/purge.ts";
export { type ChangeContext, resolveConflict } from "./admin/resolve-conflict.ts";
export { readStatus, type StatusContext } from "./admin/status.ts";
export { askQueue, isQueueUp } from "./ask-queue.ts";
export { countPostgresError } from "./count-postgres-error.ts";
export { type EnsureContext, type EnsureResult, ensureUser } from "./ensure/ensure.ts";
export { openSessionCache } from "./ensure/open-session-cache.ts";
export { type PostgresMonitor, startPostgresMonitor } from "./ensure/postgres-monitor.ts";
export { createSessionCache, type SessionCache } from "./ensure/session-cache.ts";
export { confirmDeletions } from "./reconcile/confirm-held-deletions.ts";
export { decideRequestBudget, type ReconcileContext, type RunOptions } from "./reconcile/context.ts";
export { followRun } from "./reconcile/follow-run.ts";
export { limitHeapGrowth } from "./reconcile/heap-growth.ts";
export { claimIdleRuns } from "./reconcile/maintenance.ts";
export { cancelRun, requestConfirmation, requestNewRun } from "./reconcile/order-run.ts";
export { requestRun } from "./reconcile/request-run.ts";
export { type RunResult, runReconcile } from "./reconcile/run.ts";
export { createUserReader } from "./user/fetch-users.ts";
export {
  giveUpNotification,
  type NotificationTarget,
  relayNotifications,
  sendNotification,
} from "./user/notify-app.ts";
export { type SyncContext, type SyncOutcome, syncUser } from "./user/sync-user.ts";
export { createUserWriter } from "./user/write-users.ts";
