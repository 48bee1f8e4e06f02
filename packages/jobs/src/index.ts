export type { JobProcessor, JobQueue, JobWorker, QueueBackend, QueuedJob } from "./backend.ts";
export { addConfirmation, confirmationJobName, readConfirmationJob } from "./confirmation-job.ts";
export { connectRedis, stayOnPrimary, writeKey } from "./connect-redis.ts";
export {
  countDeadLetters,
  findDeadLetters,
  findDeadLettersOfOrganization,
  findDeadLettersOfUser,
  findOldest,
  listDeadLetters,
  removeDeadLetters,
} from "./dead-letter-list.ts";
export {
  type DeadLetter,
  JobFailure,
  moveFailedJobs,
  type QuarantinedDelivery,
  quarantineDelivery,
  readClerkId,
  readSubject,
  replayDeadLetter,
  type StoredDeadLetter,
  viewDeadLetter,
} from "./dead-letters.ts";
export { traceJobs } from "./job-traces.ts";
export { runLateJobs } from "./late-jobs.ts";
export {
  addNotificationJob,
  type NotificationJob,
  notificationJobName,
  readNotificationJob,
} from "./notification-job.ts";
export {
  addOrganizationJob,
  findJobsOfMembership,
  findJobsOfOrganization,
  isOrganizationJobName,
  type MembershipJob,
  type OrganizationJob,
  organizationJob,
  readOrganizationJob,
} from "./organization-job.ts";
export { isOfNewerVersion } from "./payload-version.ts";
export { areQueueTablesCurrent, createPostgresQueueBackend, migrateQueues } from "./postgres-backend.ts";
export {
  closeProducers,
  openProducer,
  openProducers,
  openShardedProducer,
  type Producer,
  type ProducerListener,
  type Producers,
  type ShardedProducer,
  type UserProducer,
} from "./producer.ts";
export { type QueueName, queueNames, type SyncQueueName } from "./queue-names.ts";
export {
  addReconcile,
  hasSchedules,
  isFullSyncOverdue,
  lacksSchedule,
  type ReconcileJob,
  type ReconcileSchedule,
  type ReconcileSchedules,
  readReconcileJob,
  readSchedules,
  scheduleReconcile,
} from "./reconcile-job.ts";
export { createRedisBackend } from "./redis-backend.ts";
export { decideRetryDelayMs } from "./retry.ts";
export { type Shard, tagOf } from "./shards.ts";
export { addSyncJob, findJobsOfUser, readSyncJob, type SyncJob, syncJob } from "./sync-job.ts";
