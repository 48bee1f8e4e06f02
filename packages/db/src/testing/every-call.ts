import * as db from "../index.ts";
import { makeSnapshot } from "../testing.ts";

/** A value that no error may show. */
export const secret = "ana@example.com";

const ids = ["user_a"];
const why = { cause: "webhook", ref: null };
const deletion = { clerkId: "user_a", by: "signature", ...why } as const;
const lease = { name: "full", token: "00000000-0000-0000-0000-000000000000", ttlMs: 1_000, serverStart: "0" };
const page = { clerkIds: ids, afterMs: null, untilMs: null };
const profile = { clerkId: "user_a", metadata: [null], secondaryEmails: [secret], ...why };
const newUser = { snapshot: makeSnapshot({ email: secret }), request: { ...profile, secondaryEmails: [] } };
const defaults = { nomeCompleto: "New User", turma: "neon", create: true };
const sample = { metric: "any", labels: {}, value: 1 };
const since = new Date();
const alert = { name: "any", state: "ok", since, value: null, firedAt: null, resolvedAt: null } as const;
const alertRecord = { ...alert, evaluatedAt: since, firedSentAt: null, resolvedSentAt: null };

const selection = { matching: { filter: { query: secret }, columns: [], driftRunId: null } };
const change = { selection, action: { refresh: true } } as const;
const portion = { bulkId: 1, number: 0, claim: 1, clerkIds: ids, writtenIds: [], failures: 0 };
const purge = { clerkId: "user_a", keepProfile: false, also: [], preview: false, by: "ops" };
const noColumns = { users: [], profile: null };
const wish = { selection: selection.matching, columns: noColumns };

const stamps = { clerkCreatedAtMs: 1, clerkUpdatedAtMs: 1, readTicket: 1, ...why };
const organization = {
  ...{ clerkOrgId: "org_a", name: secret, slug: null, imageUrl: null, membersCount: null },
  ...stamps,
};
const pair = { clerkOrgId: "org_a", clerkId: "user_a" };
const membership = { ...pair, membershipId: "orgmem_a", role: "org:admin", ...stamps };
const before = { membershipId: null, readTicket: 1 };
const named = { ...pair, membershipId: "orgmem_a" };
const absence = { by: "absence", ...why } as const;
const catchUp = { watermarkMs: 1, surplus: 0, surplusPasses: 0, checkedSurplus: 0 };

const hash = Buffer.alloc(32);
const session = { idHash: hash, operator: "ops", accountHash: hash, replaces: undefined };
const activity = {
  ...{ kinds: undefined, causes: undefined, clerkId: undefined, ref: undefined, cursor: undefined },
  limit: 1,
};
const delivery = { host: null, lastSentAt: null, lastFailedAt: null, lastFailureCode: null };
const firing = { name: "any", value: null, firedAt: since, resolvedAt: null };

/** A key that a profile may have. */
const keyFor = (pool: db.Pool) =>
  pool.tables.profile?.keyType === "uuid" ? "00000000-0000-4000-8000-000000000009" : 1;

/** Every function that sends a statement about the tables or about schema `rollcall`. */
export const calls = {
  acquireLease: (pool) => db.acquireLease(pool, "full", 1_000),
  addMissingEntries: (pool) =>
    db.addMissingEntries(pool, 1, { kind: "memberships", entries: [pair], afterMs: null, untilMs: null }),
  addMissingCandidates: (pool) => db.addMissingCandidates(pool, 1, page),
  addSamples: (pool) => db.addSamples(pool, [sample]),
  addUndatedCandidates: (pool) => db.addUndatedCandidates(pool, 1),
  addUndatedEntries: (pool) => db.addUndatedEntries(pool, 1, "organizations"),
  advanceFencedRun: (pool) => db.advanceFencedRun(pool, lease, 1, {}, {}),
  advanceRun: (pool) => db.advanceRun(pool, 1, {}, {}),
  applyMemberships: (pool) => db.applyMemberships(pool, [membership]),
  applyOrganizations: (pool) => db.applyOrganizations(pool, [organization]),
  applySnapshots: (pool) => db.applySnapshots(pool, [makeSnapshot({ email: secret })]),
  beatRun: (pool) => db.beatRun(pool, 1),
  cancelBulkChange: (pool) => db.cancelBulkChange(pool, 1, "ops"),
  cancelOpenRun: (pool) => db.cancelOpenRun(pool, 1, "ops"),
  changeTier: (pool) => db.changeTier(pool, { clerkId: "user_a", tier: "GOLD", by: "ops" }),
  checkWrites: db.checkWrites,
  claimPortion: (pool) => db.claimPortion(pool, 1, 1),
  claimPurge: (pool) => db.claimPurge(pool, 1),
  closeAdminSession: (pool) => db.closeAdminSession(pool, { id: 1, by: "ops", kind: "operator_logged_out" }),
  confirmHeldRun: (pool) => db.confirmHeldRun(pool, 1, { deleted: 0, failed: 0, decided: 0, by: "ops" }),
  countAbsent: (pool) => db.countAbsent(pool, 1),
  countDifferences: (pool) => db.countDifferences(pool, 1),
  countEntriesWhenDue: (pool) => db.countEntriesWhenDue(pool, "memberships"),
  countEntryCandidates: (pool) => db.countEntryCandidates(pool, 1, "memberships", { isAbsent: true }),
  countEvents: (pool) => db.countEvents(pool, 1),
  countExistingUsers: db.countExistingUsers,
  countHeldDeletions: db.countHeldDeletions,
  countMissedByWebhooks: db.countMissedByWebhooks,
  countOpenConflicts: db.countOpenConflicts,
  countSelected: (pool) => db.countSelected(pool, selection),
  countUnerased: db.countUnerased,
  countUsersByState: db.countUsersByState,
  countUsersWhenDue: db.countUsersWhenDue,
  countWithoutProfile: db.countWithoutProfile,
  countWorkers: db.countWorkers,
  decideCandidates: (pool) => db.decideCandidates(pool, 1, { absent: ids, present: [] }),
  decideEntryCandidates: (pool) => db.decideEntryCandidates(pool, 1, { absent: [pair], present: [] }),
  describeColumns: db.describeColumns,
  digestRows: (pool) => db.digestRows(pool, page, true),
  dismissConflict: (pool) => db.dismissConflict(pool, 1, "ops"),
  dropCandidates: (pool) => db.dropCandidates(pool, 1),
  dropCandidatesOfEarlierRuns: (pool) => db.dropCandidatesOfEarlierRuns(pool, 1),
  dropCandidatesOfEndedRuns: db.dropCandidatesOfEndedRuns,
  dropDecidedMemberships: (pool) => db.dropDecidedMemberships(pool, 1),
  dropEntryCandidates: (pool) => db.dropEntryCandidates(pool, 1, "memberships"),
  dropPortions: (pool) => db.dropPortions(pool, 1),
  dropUserCandidates: (pool) => db.dropUserCandidates(pool, 1),
  endAbsentMembership: (pool) => db.endAbsentMembership(pool, pair, before, why),
  endMembership: (pool) => db.endMembership(pool, pair, before, { by: "signature", ...why }),
  endRun: (pool) => db.endRun(pool, 1, { state: "succeeded" }),
  erasePerson: (pool) => db.erasePerson(pool, "user_a", { candidates: [], keepProfile: false }),
  evaluateConflicts: (pool) => db.evaluateConflicts(pool, "sync"),
  failPortion: (pool) => db.failPortion(pool, portion, "internal"),
  findActiveOrganization: (pool) => db.findActiveOrganization(pool, pair),
  findAdminSession: (pool) => db.findAdminSession(pool, hash),
  findBulkChange: (pool) => db.findBulkChange(pool, 1),
  findConflict: (pool) => db.findConflict(pool, 1),
  findDrift: (pool) => db.findDrift(pool, [makeSnapshot({ email: secret })], true),
  findDuplicateRows: db.findDuplicateRows,
  findLastActions: (pool) => db.findLastActions(pool, "runId", ["1"]),
  findLoginRows: (pool) => db.findLoginRows(pool, ids),
  findNewestDryRun: db.findNewestDryRun,
  findOpenAdminSessions: (pool) => db.findOpenAdminSessions(pool, [1]),
  findHeldRun: (pool) => db.findHeldRun(pool),
  findMembership: (pool) => db.findMembership(pool, { clerkOrgId: "org_a", clerkId: "user_a" }),
  findOrganizationNames: (pool) => db.findOrganizationNames(pool, ["org_a"]),
  findOrganization: (pool) => db.findOrganization(pool, "org_a"),
  findMembershipState: (pool) => db.findMembershipState(pool, pair),
  findOrganizationState: (pool) => db.findOrganizationState(pool, "org_a"),
  findPeople: (pool) => db.findPeople(pool, ids),
  findProfiles: (pool) => db.findProfiles(pool, [keyFor(pool)]),
  findPurge: (pool) => db.findPurge(pool, 1),
  findRun: (pool) => db.findRun(pool, 1),
  findSession: (pool) => db.findSession(pool, "user_a"),
  findTombstones: (pool) => db.findTombstones(pool, ids),
  findUnsentNotification: (pool) => db.findUnsentNotification(pool, { eventId: 1, clerkId: "user_a" }),
  finishBulkChange: (pool) => db.finishBulkChange(pool, 1),
  finishPortion: (pool) => db.finishPortion(pool, portion, { skipped: 0 }),
  finishPurge: (pool) => db.finishPurge(pool, { id: 1, claim: 1 }, { answer: {} }),
  giveProfiles: (pool) => db.giveProfiles(pool, [profile], defaults),
  hasLiveUsers: db.hasLiveUsers,
  hasMoreEvents: (pool) => db.hasMoreEvents(pool, { afterId: 0, upToId: 2, count: 1 }),
  hasOpenFullSync: db.hasOpenFullSync,
  hasScheduledRun: db.hasScheduledRun,
  hasRecentSample: (pool) => db.hasRecentSample(pool, "any"),
  holdDeletions: (pool) => db.holdDeletions(pool, ids, why),
  halvePortion: (pool) =>
    db.halvePortion(
      pool,
      { ...portion, clerkIds: [...ids, "user_b"] },
      { tier: "PRO", by: "ops" },
      "internal",
    ),
  insertNewUsers: (pool) => db.insertNewUsers(pool, [newUser], defaults),
  holdLease: (pool) => db.holdLease(pool, lease),
  holdPurge: (pool) => db.holdPurge(pool, { id: 1, claim: 1 }, 1),
  isDeletionHeld: (pool) => db.isDeletionHeld(pool, "user_a"),
  isNewestComplete: (pool) => db.isNewestComplete(pool, 1),
  keepPeaks: (pool) => db.keepPeaks(pool, [sample]),
  linkCandidate: (pool) =>
    db.linkCandidate(pool, 1, { mentoradoId: keyFor(pool), discardProfile: false, by: "ops" }),
  listAbsent: (pool) => db.listAbsent(pool, 1, "", 1),
  listActivity: (pool) => db.listActivity(pool, activity),
  listAdminSessions: (pool) => db.listAdminSessions(pool, [hash]),
  listAudit: (pool) => db.listAudit(pool, { ...activity, by: undefined }),
  listBulkChanges: (pool) => db.listBulkChanges(pool, { beforeId: undefined, limit: 1 }),
  listCandidates: (pool) => db.listCandidates(pool, 1, 1),
  listConflicts: (pool) => db.listConflicts(pool, { state: "open", beforeId: undefined, limit: 1 }),
  listConflictsOfUser: (pool) => db.listConflictsOfUser(pool, "user_a"),
  listDifferences: (pool) => db.listDifferences(pool, 1, { after: undefined, limit: 1 }),
  listDifferencesOfKinds: (pool) => db.listDifferencesOfKinds(pool, 1, ["deleted"], 1),
  listDueNotifications: (pool) => db.listDueNotifications(pool, 1),
  listEventsBetween: (pool) => db.listEventsBetween(pool, { afterId: 0, upToId: 1, limit: 1 }),
  listEventsOfUser: (pool) => db.listEventsOfUser(pool, "user_a", 1),
  listFirings: (pool) => db.listFirings(pool, { cursor: undefined, limit: 1 }),
  listHeldOfRun: (pool) => db.listHeldOfRun(pool, 1, "", 1),
  listIdleRuns: (pool) => db.listIdleRuns(pool, 1),
  listMembers: (pool) => db.listMembers(pool, { clerkOrgId: "org_a", cursor: undefined, limit: 1 }),
  listMembershipsOfUser: (pool) => db.listMembershipsOfUser(pool, "user_a"),
  listNamedConflicts: (pool) => db.listNamedConflicts(pool, { state: "open", beforeId: undefined, limit: 1 }),
  listOpenBulkChanges: db.listOpenBulkChanges,
  listOrganizations: (pool) => db.listOrganizations(pool, { query: secret, cursor: undefined, limit: 1 }),
  listOtherLiveIds: (pool) => db.listOtherLiveIds(pool, "user_a", 1),
  listProcessMarks: (pool) => db.listProcessMarks(pool, 1, 1),
  listRuns: (pool) => db.listRuns(pool, { beforeId: undefined, limit: 1 }),
  listUsers: (pool) => db.listUsers(pool, { filter: { query: secret }, cursor: undefined, limit: 1 }),
  lockRun: (pool) => db.lockRun(pool, 1),
  markNotificationSent: (pool) => db.markNotificationSent(pool, { eventId: 1, clerkId: "user_a" }),
  markNotificationsQueued: (pool) => db.markNotificationsQueued(pool, [1]),
  mayDeleteAbsent: (pool) => db.mayDeleteAbsent(pool, 6),
  nextReadSequence: db.nextReadSequence,
  noteConfirmation: (pool) => db.noteConfirmation(pool, 1, "ops"),
  openAdminSession: (pool) => db.openAdminSession(pool, session),
  openStagingTable: async (pool) => {
    const client = await pool.connect();
    try {
      const table = await db.openStagingTable(client);
      await table.record(1, [{ clerkId: "user_a", email: secret, kind: "missing_row", write: {} }]);
    } finally {
      client.release(true);
    }
  },
  pruneAdminSessions: (pool) => db.pruneAdminSessions(pool, [hash]),
  pruneBulkChanges: db.pruneBulkChanges,
  pruneEvents: (pool) => db.pruneEvents(pool, { days: 1 }),
  pruneFirings: (pool) => db.pruneFirings(pool, 1),
  prunePurges: db.prunePurges,
  pruneRuns: db.pruneRuns,
  pruneSamples: (pool) => db.pruneSamples(pool, 1),
  pruneUnknownTombstones: db.pruneUnknownTombstones,
  raiseWatermark: (pool) => db.raiseWatermark(pool, 1),
  raiseWatermarkToCover: (pool) => db.raiseWatermarkToCover(pool, 1),
  extendCover: (pool) => db.extendCover(pool, 1, 1),
  findCoverBeyond: (pool) => db.findCoverBeyond(pool, 1),
  readAlerts: (pool) => db.readAlerts(pool, ["any"]),
  readCatchUp: db.readCatchUp,
  readChangeMarks: db.readChangeMarks,
  readDelivery: db.readDelivery,
  readGrowth: (pool) => db.readGrowth(pool, { days: 1, zone: "UTC" }),
  readGrowthHours: (pool) => db.readGrowthHours(pool, 1),
  readLastDeliveries: db.readLastDeliveries,
  readNewestEventId: db.readNewestEventId,
  readPage: (pool) => db.readPage(pool, wish, { cursor: undefined, limit: 1 }),
  readPeaks: (pool) => db.readPeaks(pool, { metric: "any", hours: 1, stepS: 60 }),
  readPresentProfile: (pool) => db.readPresentProfile(pool, 1),
  readRunAges: db.readRunAges,
  readTimesToProfile: (pool) => db.readTimesToProfile(pool, 1),
  readWebhookHours: (pool) => db.readWebhookHours(pool, 1),
  readWish: (pool) => db.readWish(pool, { query: secret }),
  readRecentVersions: (pool) => db.readRecentVersions(pool, ids, 1),
  recordAbsenceAt: (pool) => db.recordAbsenceAt(pool, "org_a user_a", since.toISOString()),
  recordAbsences: (pool) => db.recordAbsences(pool, ids),
  recordAdminEvents: (pool) => db.recordAdminEvents(pool, "ops", []),
  recordDeadLetters: (pool) =>
    db.recordDeadLetters(pool, [{ clerkId: "user_a", ...why, details: { deadLetterId: "1" } }]),
  recordDifferences: (pool) => db.recordDifferences(pool, 1, []),
  recordEvent: (pool) => db.recordEvent(pool, { clerkId: "user_a", kind: "any", ...why }),
  recordProcessStart: (pool) => db.recordProcessStart(pool, { program: "api", version: "any" }),
  recordWorker: (pool) => db.recordWorker(pool, "any"),
  releaseDeletions: (pool) => db.releaseDeletions(pool, ids),
  releaseLease: (pool) => db.releaseLease(pool, lease),
  removeWorker: (pool) => db.removeWorker(pool, "any"),
  requestDueFullSync: (pool) => db.requestDueFullSync(pool, 1),
  requestPurge: (pool) => db.requestPurge(pool, purge, 1),
  requestRun: (pool) => db.requestRun(pool, { mode: "full", dryRun: false, startedBy: "ops" }),
  requestWholeSync: (pool) => db.requestWholeSync(pool, "ops"),
  resetRun: (pool) => db.resetRun(pool, 1),
  returnNotification: (pool) => db.returnNotification(pool, 1, 1),
  returnPortion: (pool) => db.returnPortion(pool, portion),
  returnPurge: (pool) => db.returnPurge(pool, { id: 1, claim: 1 }, 1),
  settleNotification: (pool) => db.settleNotification(pool, { eventId: 1, clerkId: "user_a" }),
  settlePortion: (pool) => db.settlePortion(pool, portion),
  stageBulkChange: (pool) => db.stageBulkChange(pool, { ...change, expected: undefined, by: "ops" }),
  storeSurplus: (pool) => db.storeSurplus(pool, { surplus: 0, surplusPasses: 0, checkedSurplus: 0 }),
  sumSamples: (pool) => db.sumSamples(pool, [{ metric: "any", fromS: 60, untilS: 0 }]),
  takeClerkRequest: (pool) => db.takeClerkRequest(pool, { requests: 1, windowMs: 1 }),
  takeRun: (pool) => db.takeRun(pool, 1),
  endMemberships: (pool) => db.inTransaction(pool, (client) => db.endMemberships(client, [named], absence)),
  findMembershipDrift: (pool) => db.findMembershipDrift(pool, [membership]),
  findOrganizationDrift: (pool) => db.findOrganizationDrift(pool, [organization]),
  hasLiveEntries: (pool) => db.hasLiveEntries(pool, "memberships"),
  holdMemberships: (pool) => db.holdMemberships(pool, [pair], why),
  holdOrganizations: (pool) => db.holdOrganizations(pool, ["org_a"], why),
  listAbsentMemberships: (pool) => db.listAbsentMemberships(pool, 1),
  listAbsentOrganizations: (pool) => db.listAbsentOrganizations(pool, 1),
  listMembershipCandidates: (pool) => db.listMembershipCandidates(pool, 1, 1),
  listOrganizationCandidates: (pool) => db.listOrganizationCandidates(pool, 1, 1),
  mayDeleteAbsentOf: (pool) => db.mayDeleteAbsentOf(pool, "membership_states", 1),
  readEntryCatchUp: (pool) => db.readEntryCatchUp(pool, "memberships"),
  releaseMemberships: (pool) => db.releaseMemberships(pool, [pair]),
  releaseOrganizations: (pool) => db.releaseOrganizations(pool, ["org_a"]),
  storeEntryCatchUp: (pool) => db.storeEntryCatchUp(pool, "memberships", catchUp),
  tombstoneOrganizations: (pool) =>
    db.inTransaction(pool, (client) => db.tombstoneOrganizations(client, ["org_a"], absence)),
  tombstoneAbsentOrganization: (pool) => db.tombstoneAbsentOrganization(pool, "org_a", why),
  tombstoneOrganization: (pool) => db.tombstoneOrganization(pool, "org_a", { by: "signature", ...why }),
  tombstoneAbsent: (pool) => db.tombstoneAbsent(pool, { clerkId: "user_a", ...why }),
  tombstoneEach: (pool) => db.inTransaction(pool, (client) => db.tombstoneEach(client, ids, deletion)),
  tombstoneUsers: (pool) => db.tombstoneUsers(pool, [deletion]),
  touchAdminSession: (pool) => db.touchAdminSession(pool, 1),
  wasAbsent: (pool) => db.wasAbsent(pool, "user_a", 1),
  writeAlerts: (pool) => db.writeAlerts(pool, [alertRecord]),
  writeDelivery: (pool) => db.writeDelivery(pool, delivery),
  writeFirings: (pool) => db.writeFirings(pool, [firing]),
  writePortionTier: (pool) => db.writePortionTier(pool, portion, { tier: "PRO", by: "ops" }),
} satisfies Record<string, (pool: db.Pool) => Promise<unknown>>;
