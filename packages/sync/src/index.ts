export { createEvaluator } from "./alerts/evaluator.ts";
export { viewAlerts } from "./alerts/next-record.ts";
export { type AlertsOptions, startAlerts } from "./alerts/start-alerts.ts";
export { requestSyncs, setTier } from "./change-user.ts";
export { countDeadLetters } from "./count-dead-letters.ts";
export {
  type DeadLetterContext,
  discardDeadLetters,
  type Refused,
  replayDeadLetters,
} from "./dead-letters.ts";
export { type EnsureContext, type EnsureResult, ensureUser } from "./ensure.ts";
export { type ExplainContext, explainUser } from "./explain.ts";
export { openSessionCache } from "./open-session-cache.ts";
export { type PostgresMonitor, startPostgresMonitor } from "./postgres-monitor.ts";
export { type PurgeContext, purgeUser } from "./purge-user.ts";
export { readStatus, type StatusContext } from "./read-status.ts";
export { createUserReader } from "./read-users.ts";
export { confirmDeletions } from "./reconcile/confirm-deletions.ts";
export { decideRequestBudget, type ReconcileContext, type RunOptions } from "./reconcile/context.ts";
export { followRun } from "./reconcile/follow-run.ts";
export { limitHeapGrowth } from "./reconcile/heap-growth.ts";
export { orderCancellation, orderConfirmation, orderRun } from "./reconcile/order-run.ts";
export { requestRun } from "./reconcile/request-run.ts";
export { type RunResult, runReconcile } from "./reconcile/run-reconcile.ts";
export { takeOnRuns } from "./reconcile/upkeep.ts";
export { type ChangeContext, resolveConflict } from "./resolve-conflict.ts";
export { createSessionCache, type SessionCache } from "./session-cache.ts";
export { type SyncContext, type SyncOutcome, syncUser } from "./sync-user.ts";
export { countPostgresError } from "./telemetry/count-postgres-error.ts";
export { type EventLoopWatch, watchEventLoop } from "./telemetry/event-loop.ts";
export { createFigureReaders, type FigureReader, webhooksConfigured } from "./telemetry/figures.ts";
export { createLogger, type Logger } from "./telemetry/logger.ts";
export { createMetrics, type Metrics } from "./telemetry/metrics.ts";
export { createQueueLog } from "./telemetry/queue-log.ts";
export { askPostgres, askQueue, isQueueUp, withinMs } from "./time-limit.ts";
export { deliverWelcome, giveUpWelcome, relayWelcomes, type WelcomeHook } from "./welcome-hook.ts";
export { createUserWriter } from "./write-users.ts";
