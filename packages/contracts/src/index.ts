export {
  type AdminRole,
  adminRole,
  adminRoles,
  adminSessionView,
  loginRequest,
  mayAct,
  type OperatorView,
  operatorView,
  type ProfileShape,
  type SessionAnswer,
  sessionAnswer,
} from "./access.ts";
export {
  type ActivityView,
  type AuditEntry,
  activityQuery,
  activityView,
  auditEntry,
  auditQuery,
  type LiveEventData,
  type LiveEventName,
  type LiveTopic,
  liveEvents,
  liveQuery,
  liveTopics,
} from "./activity.ts";
export {
  type ClerkUserView,
  type ConflictDetail,
  type ConflictResolution,
  type ConflictView,
  conflictDetail,
  conflictEffect,
  conflictQuery,
  conflictResolution,
  conflictResolutionOf,
  conflictView,
  type EventView,
  type Explanation,
  eventView,
  type JobDeadLetter,
  type JobView,
  listOf,
  listQuery,
  type NamedConflict,
  namedConflict,
  type Person,
  type RowRefusal,
  rowRefusal,
  type UserDifference,
  type UserReport,
  userReport,
} from "./admin.ts";
export {
  type AlertCondition,
  type AlertRule,
  alertRules,
  mostLoginsRefused,
  type SeriesOf,
} from "./alert-rules.ts";
export {
  type AlertDelivery,
  type AlertFiring,
  type AlertNotification,
  type AlertView,
  alertDelivery,
  alertFiring,
  alertNotification,
  alertState,
  alertView,
} from "./alerts.ts";
export { AppError, type Hint } from "./app-error.ts";
export {
  type BulkAction,
  type BulkAnswer,
  type BulkRequest,
  type BulkView,
  bulkAnswer,
  bulkRequest,
  bulkState,
  bulkView,
} from "./bulk.ts";
export { isOutage, readErrorCode } from "./classify-error.ts";
export {
  type ColumnKind,
  type ColumnsAnswer,
  type ColumnValue,
  type ColumnView,
  columnKind,
  columnsAnswer,
} from "./columns.ts";
export {
  type DeadLetterCount,
  type DeadLetterView,
  type DiscardAnswer,
  type DiscardRequest,
  deadLetterCount,
  deadLetterQuery,
  deadLetterView,
  discardAnswer,
  discardRequest,
  mostDeadLetters,
  type ReplayAnswer,
  type ReplayRequest,
  replayAnswer,
  replayRequest,
} from "./dead-letters.ts";
export {
  defaultSessionView,
  type EnsurePending,
  type EnsureReady,
  ensureBody,
  ensurePending,
  ensureReady,
  type MentoradoView,
  mappedSessionView,
  mentoradoView,
  type ProfileView,
  profileView,
  type SessionRefusalReason,
  type SessionView,
  sessionRefusals,
  sessionView,
  type UserView,
  userView,
} from "./ensure.ts";
export {
  EnvironmentError,
  listSecrets,
  mostQueueShards,
  readEnvironment,
  secretVariables,
  variables,
} from "./environment.ts";
export { isOrigin, splitPublicKeys } from "./environment-checks.ts";
export { type ErrorBody, type ErrorCode, errorBody, errorTable } from "./errors.ts";
export { type LogEvent, logEvents, nameProfileEvent } from "./events.ts";
export {
  type GrowthAnswer,
  type GrowthDay,
  type GrowthHour,
  type GrowthHoursAnswer,
  growthAnswer,
  growthDay,
  growthHour,
  growthHoursAnswer,
  growthHoursQuery,
  growthQuery,
} from "./growth.ts";
export {
  type ClerkUserId,
  clerkUserId,
  type KeyType,
  keyOf,
  type RowKey,
  rowClerkId,
  rowKey,
} from "./ids.ts";
export type { Locale } from "./locale.ts";
export {
  compareMappings,
  defaultMapping,
  describeMappingFile,
  isDefaultProfile,
  type Mapping,
  mappingFileName,
  parseMapping,
  toAnswerKey,
  toQualified,
  unnamedMapping,
} from "./mapping.ts";
export { type MetricName, type MetricProcess, metricTable } from "./metrics.ts";
export { nameNetworkFailure } from "./network-failure.ts";
export {
  type OperatorEntry,
  operatorName,
  type PasswordHash,
  readPasswordHash,
  shortestPassword,
  writeOperatorEntry,
  writePasswordHash,
} from "./operators.ts";
export {
  type Overview,
  overview,
  type Problem,
  type ProblemCode,
  type ProcessMark,
  problem,
  problemCodes,
  processMark,
  timeToProfileDay,
  webhookHour,
} from "./overview.ts";
export { toPrintable, toPrintableJson, toPrintableLines } from "./printable.ts";
export {
  type HeldDeletion,
  heldDeletion,
  type RunCounts,
  type RunDifference,
  type RunMode,
  type RunState,
  type RunView,
  reconcileRequest,
  runCounts,
  runDifference,
  runDifferences,
  runMode,
  runQuery,
  runState,
  runView,
  type ScheduleView,
  scheduleView,
} from "./runs.ts";
export { type SystemStatus, systemStatus } from "./status.ts";
export {
  exportQuery,
  type PurgeAnswer,
  type PurgePart,
  purgeAnswer,
  purgeRequest,
  purgeRequestOf,
  type SyncAnswer,
  syncAnswer,
  syncRequest,
  type TierAnswer,
  tierAnswer,
  tierChange,
  type UserEntry,
  type UserFilter,
  userEntry,
  userQuery,
} from "./users.ts";
export { version } from "./version.ts";
export {
  type ActedOnEventType,
  actedOnEventTypes,
  subscribedEventTypes,
  type WebhookAnswer,
  webhookAnswer,
  webhookPath,
} from "./webhook.ts";
export { withTimeout } from "./with-timeout.ts";
