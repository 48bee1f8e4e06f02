export { isOutage, isRerunnable, PostgresError, readSqlState, toPostgresError } from "./errors.ts";
export { waitBrieflyForLocks } from "./lock-wait.ts";
export { MigrationRefusal } from "./migrate/adoption/refusal.ts";
export { findFormProblems } from "./migrate/adoption/refuse-unfit.ts";
export { findDuplicates } from "./migrate/adoption/row-problems.ts";
export { findMissingMigrations, migrateDown, migrateUp } from "./migrate/migrate.ts";
export { holdsSessions } from "./migrate/sessions.ts";
export { isTransactionPooled } from "./migrate/transaction-pooling.ts";
export { type Connection, createPool, type Pool, type Queryable } from "./pool.ts";
export type { Mentorado, User } from "./schema.ts";
export { lockAbsenceGuard, mayDeleteAbsent } from "./statements/absence-guard.ts";
export { recordAbsences, wasAbsent } from "./statements/absences.ts";
export { readAlerts, writeAlerts } from "./statements/alert-states.ts";
export { listAppColumns } from "./statements/app-columns.ts";
export { applySnapshots } from "./statements/apply-snapshots.ts";
export {
  type CatchUpState,
  countUsers,
  hasLiveUsers,
  raiseWatermark,
  readCatchUp,
  storeSurplus,
} from "./statements/catch-up.ts";
export { changeTier } from "./statements/change-tier.ts";
export { type RequestBudget, takeClerkRequest } from "./statements/clerk-budget.ts";
export { countUnerased } from "./statements/count-unerased.ts";
export { countHeldDeletions, countOpenConflicts, countUsersByState } from "./statements/count-users.ts";
export { countWithoutProfile } from "./statements/count-without-profile.ts";
export type { CreationRange } from "./statements/creation-range.ts";
export {
  addMissingCandidates,
  addUndatedCandidates,
  countAbsent,
  decideCandidates,
  dropCandidates,
  dropCandidatesOfEarlierRuns,
  dropCandidatesOfEndedRuns,
  type FullSyncPage,
  listAbsent,
  listCandidates,
} from "./statements/deletion-candidates.ts";
export { digestRows, digestSnapshots } from "./statements/digest-rows.ts";
export { type Erasure, erasePerson } from "./statements/erase-person.ts";
export { evaluateConflicts } from "./statements/evaluate-conflicts.ts";
export { type DriftKind, findDrift } from "./statements/find-drift.ts";
export { findMissingGrants } from "./statements/find-missing-grants.ts";
export { findMissingKeys } from "./statements/find-missing-keys.ts";
export { findSession } from "./statements/find-session.ts";
export { findTombstones } from "./statements/find-tombstones.ts";
export {
  type GivenProfile,
  giveProfiles,
  type ProfileDefaults,
  type ProfileOutcome,
  type ProfileRequest,
} from "./statements/give-profiles.ts";
export { acquireLease, holdLease, type Lease, leaseName, releaseLease } from "./statements/leases.ts";
export { listConflicts, listConflictsOfUser } from "./statements/list-conflicts.ts";
export { listOtherLiveIds } from "./statements/list-live-ids.ts";
export { listUsers } from "./statements/list-users.ts";
export { measureIdUse } from "./statements/measure-id-use.ts";
export {
  findUnsentNotification,
  listDueNotifications,
  markNotificationSent,
  markNotificationsQueued,
  settleNotification,
} from "./statements/outbox.ts";
export { nextReadSequence } from "./statements/read-sequence.ts";
export { type AdminEvent, recordAdminEvents } from "./statements/record-admin-events.ts";
export { dismissConflict, linkCandidate } from "./statements/resolve-conflict.ts";
export { hasOpenFullSync, noteConfirmation } from "./statements/run-requests.ts";
export {
  advanceRun,
  beatRun,
  cancelOpenRun,
  confirmHeldRun,
  endRun,
  listIdleRuns,
  type OpenRun,
  type RunEnd,
  type RunProgress,
  takeRun,
} from "./statements/run-steps.ts";
export {
  findRun,
  isNewestComplete,
  listRuns,
  pruneRuns,
  type RunRequest,
  readRunAges,
  requestDueFullSync,
  requestRun,
  resetRun,
} from "./statements/runs.ts";
export {
  addSamples,
  hasRecentSample,
  pruneSamples,
  sumSamples,
} from "./statements/samples.ts";
export { openStagingTable, type StagedUser, type StagingTable } from "./statements/staging-table.ts";
export { isDeletionHeld, listEventsOfUser, pruneEvents } from "./statements/timeline.ts";
export { holdDeletions, releaseDeletions, tombstoneAbsent } from "./statements/tombstone-absent.ts";
export { tombstoneEach } from "./statements/tombstone-each.ts";
export { tombstoneUsers } from "./statements/tombstone-users.ts";
export type { UserSnapshot } from "./statements/user-snapshot.ts";
export { countMissedByWebhooks } from "./statements/webhook-silence.ts";
export { countWorkers, recordWorker, removeWorker } from "./statements/workers.ts";
export { inRolledBackTransaction, inTransaction } from "./transaction.ts";
