export { isOutage, PostgresError, wrapPostgresError } from "./errors.ts";
export { waitBrieflyForLocks } from "./lock-wait.ts";
export { MigrationRefusal } from "./migrate/adoption/refusal.ts";
export { findFormProblems } from "./migrate/adoption/refuse-unfit.ts";
export { findDuplicates } from "./migrate/adoption/row-problems.ts";
export { findMissingMigrations, migrateDown, migrateUp } from "./migrate/migrate.ts";
export { holdsSessions } from "./migrate/sessions.ts";
export { isTransactionPooled } from "./migrate/transaction-pooling.ts";
export { createPool, type Pool, type Queryable } from "./pool.ts";
export type { Mentorado, User } from "./schema.ts";
export { lockAbsenceGuard, mayDeleteAbsent } from "./statements/absence-guard.ts";
export { recordAbsences, wasAbsent } from "./statements/absences.ts";
export { type AlertRecord, readAlerts, writeAlerts } from "./statements/alert-states.ts";
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
export { digestRows, digestSnapshots } from "./statements/digest-rows.ts";
export { type Erasure, erasePerson } from "./statements/erase-person.ts";
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
export {
  findUnsentHook,
  listDueHooks,
  markHookSent,
  markHooksQueued,
  settleHook,
} from "./statements/hook-outbox.ts";
export { judgeConflicts } from "./statements/judge-conflicts.ts";
export { acquireLease, holdLease, type Lease, leaseName, releaseLease } from "./statements/leases.ts";
export { listConflicts, listConflictsOfUser } from "./statements/list-conflicts.ts";
export { listOtherLiveIds } from "./statements/list-live-ids.ts";
export { listUsers } from "./statements/list-users.ts";
export { measureIdUse } from "./statements/measure-id-use.ts";
export { drawReadTicket } from "./statements/read-tickets.ts";
export { type AdminEvent, recordAdminEvents } from "./statements/record-admin-events.ts";
export { dismissConflict, linkCandidate } from "./statements/resolve-conflict.ts";
export { hasOpenSweep, noteConfirmation } from "./statements/run-orders.ts";
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
  requestDueSweep,
  requestRun,
  resetRun,
} from "./statements/runs.ts";
export {
  addSamples,
  hasRecentSample,
  pruneSamples,
  type Sample,
  type SampleWindow,
  sumSamples,
} from "./statements/samples.ts";
export {
  countAbsent,
  decideSuspects,
  dropEarlierSuspects,
  dropEndedSuspects,
  dropSuspects,
  listAbsent,
  listSuspects,
  type SweptPage,
  suspectMissing,
  suspectUndated,
} from "./statements/suspects.ts";
export { isDeletionHeld, listEventsOfUser, pruneEvents } from "./statements/timeline.ts";
export { holdDeletions, releaseDeletions, tombstoneAbsent } from "./statements/tombstone-absent.ts";
export { tombstoneEach } from "./statements/tombstone-each.ts";
export { tombstoneUsers } from "./statements/tombstone-users.ts";
export { openTrialBook, type TrialBook, type TrialEntry } from "./statements/trial-book.ts";
export type { UserSnapshot } from "./statements/user-snapshot.ts";
export { countMissedByWebhooks } from "./statements/webhook-silence.ts";
export { countWorkers, recordWorker, removeWorker } from "./statements/workers.ts";
export { inTransaction, inTrial, readSqlState } from "./transaction.ts";
