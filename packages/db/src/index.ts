export {
  lockAbsenceGuard,
  mayDeleteAbsent,
  mayDeleteAbsentOf,
  readClock,
  readRecentVersions,
  recordAbsenceAt,
  recordAbsences,
  wasAbsent,
} from "./absences.ts";
export { type ActiveOrganization, findActiveOrganization } from "./active-organization.ts";
export {
  hasMoreEvents,
  listActivity,
  listAudit,
  listEventsBetween,
  listProcessMarks,
  readNewestEventId,
  recordProcessStart,
} from "./activity.ts";
export {
  countEvents,
  countExistingUsers,
  readGrowth,
  readGrowthHours,
  readTimesToProfile,
} from "./activity-counts.ts";
export {
  type AdminSession,
  closeAdminSession,
  findAdminSession,
  findOpenAdminSessions,
  listAdminSessions,
  openAdminSession,
  pruneAdminSessions,
  touchAdminSession,
} from "./admin-sessions.ts";
export {
  listFirings,
  pruneFirings,
  readAlerts,
  readDelivery,
  writeAlerts,
  writeDelivery,
  writeFirings,
} from "./alerts.ts";
export { findSchemaProblems, type SchemaProblem } from "./app-schema/find-schema-problems.ts";
export { printSchema, type SchemaFormat } from "./app-schema/print-schema.ts";
export { describeLeft, type Restoration } from "./app-schema/restore-schema.ts";
export type { SchemaWatch } from "./app-schema/schema-watch.ts";
export {
  type BulkSelection,
  cancelBulkChange,
  countSelected,
  findBulkChange,
  listBulkChanges,
  stageBulkChange,
} from "./bulk-changes.ts";
export {
  type ClaimedPortion,
  claimPortion,
  dropPortions,
  failPortion,
  finishBulkChange,
  finishPortion,
  halvePortion,
  listOpenBulkChanges,
  type OpenBulkChange,
  PortionLost,
  pruneBulkChanges,
  returnPortion,
  settlePortion,
  writePortionTier,
} from "./bulk-portions.ts";
export {
  type CatchUpState,
  type Cover,
  extendCover,
  findCoverBeyond,
  raiseWatermark,
  raiseWatermarkToCover,
  readCatchUp,
  storeSurplus,
} from "./catch-up.ts";
export { type ChangeMarks, readChangeMarks } from "./change-marks.ts";
export {
  findMissingGrants,
  listAppColumns,
  listRarelyVacuumed,
  listTriggersWithoutPath,
  measureIdUse,
} from "./checks.ts";
export { type RequestBudget, takeClerkRequest } from "./clerk-budget.ts";
export {
  evaluateConflicts,
  findConflict,
  listConflicts,
  listConflictsOfUser,
  listNamedConflicts,
} from "./conflicts.ts";
export {
  countHeldDeletions,
  countMissedByWebhooks,
  countOpenConflicts,
  countUsersByState,
  countUsersWhenDue,
  countWithoutProfile,
  hasLiveUsers,
} from "./counts.ts";
export {
  addMissingCandidates,
  addUndatedCandidates,
  countAbsent,
  decideCandidates,
  dropCandidates,
  dropCandidatesOfEarlierRuns,
  dropCandidatesOfEndedRuns,
  dropUserCandidates,
  type FullSyncPage,
  listAbsent,
  listCandidates,
} from "./deletion-candidates.ts";
export {
  holdDeletions,
  isDeletionHeld,
  pruneUnknownTombstones,
  releaseDeletions,
  tombstoneAbsent,
  tombstoneEach,
  tombstoneUsers,
} from "./deletions.ts";
export { describeChange } from "./describe-change.ts";
export { type CreationRange, type DriftKind, digestRows, digestSnapshots, findDrift } from "./drift.ts";
export { trimText } from "./email.ts";
export { countUnerased, type Erasure, erasePerson, isErased } from "./erasure.ts";
export {
  isRerunnable,
  isTooSlow,
  PostgresError,
  readRefusal,
  readSqlState,
  toPostgresError,
} from "./errors.ts";
export {
  type AdminAction,
  type AdminEvent,
  type DeadLetterEvent,
  findLastActions,
  listEventsOfUser,
  pruneEvents,
  recordAdminEvents,
  recordDeadLetters,
  recordEvent,
} from "./events.ts";
export { createFinalEventIdReader, type FinalEventIdReader } from "./final-event-id.ts";
export { type Proposal, proposeMapping } from "./init/propose-mapping.ts";
export { readCatalog } from "./init/read-catalog.ts";
export { acquireLease, checkWrites, holdLease, type Lease, leaseName, releaseLease } from "./leases.ts";
export { describeColumns, type ListColumns } from "./list-columns.ts";
export { findMappingProblems } from "./mapping-watch.ts";
export {
  applyMemberships,
  endAbsentMembership,
  endMembership,
  endMemberships,
  findMembershipState,
  holdMemberships,
  type MembershipOutcome,
  type MembershipState,
  nameMembership,
  releaseMemberships,
} from "./memberships.ts";
export { MigrationRefusal } from "./migrate/adoption/refuse-unfit.ts";
export { findDuplicateRows } from "./migrate/adoption/row-problems.ts";
export { buildLargeIndexes } from "./migrate/build-indexes.ts";
export {
  findMissingMigrations,
  type MigrationPlan,
  migrateDown,
  migrateUp,
  planMigration,
  restoreTables,
} from "./migrate/migrate.ts";
export { type InsertedUser, insertNewUsers } from "./new-users.ts";
export {
  addMissingEntries,
  addUndatedEntries,
  countEntryCandidates,
  decideEntryCandidates,
  dropDecidedMemberships,
  dropEntryCandidates,
  type EntryKind,
  listAbsentMemberships,
  listAbsentOrganizations,
  listMembershipCandidates,
  listOrganizationCandidates,
} from "./organization-candidates.ts";
export {
  countEntriesWhenDue,
  hasLiveEntries,
  readEntryCatchUp,
  storeEntryCatchUp,
} from "./organization-catch-up.ts";
export type { EndReason, MembershipSnapshot, OrganizationSnapshot } from "./organization-columns.ts";
export { type EntryDrift, findMembershipDrift, findOrganizationDrift } from "./organization-drift.ts";
export {
  findMembership,
  findOrganization,
  findOrganizationNames,
  listMembers,
  listMembershipsOfUser,
  listOrganizations,
} from "./organization-list.ts";
export {
  applyOrganizations,
  findOrganizationState,
  holdOrganizations,
  type OrganizationOutcome,
  releaseOrganizations,
  tombstoneAbsentOrganization,
  tombstoneOrganization,
  tombstoneOrganizations,
} from "./organizations.ts";
export {
  type DueNotification,
  findUnsentNotification,
  listDueNotifications,
  markNotificationSent,
  markNotificationsQueued,
  returnNotification,
  settleNotification,
} from "./outbox.ts";
export { findPeople } from "./people.ts";
export { type Connection, createPool, createQueuePool, type Pool, type Queryable } from "./pool.ts";
export {
  countGrantedConnections,
  countHeldConnections,
  holdsSessions,
  isTransactionPooled,
} from "./pooler-checks.ts";
export type { MetadataSource, ProfileValue } from "./profile-columns.ts";
export {
  type GivenProfile,
  giveProfiles,
  type ProfileDefaults,
  type ProfileOutcome,
  type ProfileRequest,
} from "./profiles.ts";
export {
  claimPurge,
  findPurge,
  finishPurge,
  holdPurge,
  PurgeLost,
  type PurgeRequest,
  prunePurges,
  type RequestedPurge,
  requestPurge,
  returnPurge,
} from "./purges.ts";
export { dismissConflict, linkCandidate, readPresentProfile } from "./resolve-conflict.ts";
export { writeRoles } from "./roles.ts";
export {
  countDifferences,
  type FoundDifference,
  findNewestDryRun,
  listDifferences,
  listDifferencesOfKinds,
  listHeldOfRun,
  mostDifferences,
  recordDifferences,
} from "./run-differences.ts";
export {
  advanceFencedRun,
  advanceRun,
  beatRun,
  cancelOpenRun,
  confirmHeldRun,
  endRun,
  listIdleRuns,
  lockRun,
  noteConfirmation,
  type OpenRun,
  type RunEnd,
  type RunProgress,
  takeRun,
} from "./run-steps.ts";
export {
  findHeldRun,
  findRun,
  hasOpenFullSync,
  hasScheduledRun,
  isNewestComplete,
  listRuns,
  pruneRuns,
  type RunRequest,
  readRunAges,
  requestDueFullSync,
  requestRun,
  requestWholeSync,
  resetRun,
} from "./runs.ts";
export {
  addSamples,
  hasRecentSample,
  keepPeaks,
  pruneSamples,
  readLastDeliveries,
  readPeaks,
  readWebhookHours,
  sumSamples,
} from "./samples.ts";
export type { MappedProfile, Mentorado, User } from "./schema.ts";
export { splitInSavepoints, splitOnRefusal } from "./split-on-refusal.ts";
export { openStagingTable, type StagedUser, type StagingTable } from "./staging-table.ts";
export { createTables, type Tables } from "./tables.ts";
export { inRolledBackTransaction, inTransaction, inWriteTransaction, prepareWrite } from "./transaction.ts";
export {
  blankUser,
  compareWithClerk,
  type UnreadColumn,
  type UserSnapshot,
} from "./user-columns.ts";
export { listUsers, readPage, readWish, type UserPage, type UserWish } from "./user-list.ts";
export {
  applySnapshots,
  changeTier,
  findLoginRows,
  findProfiles,
  findSession,
  findTombstones,
  type LoginRow,
  listOtherLiveIds,
  nextReadSequence,
} from "./users.ts";
export { countWorkers, recordWorker, removeWorker } from "./workers.ts";
