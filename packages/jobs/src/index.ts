export type { JobProcessor, JobQueue, JobWorker, QueueBackend, QueuedJob } from "./backend.ts";
export { addConfirmation, confirmationJobName, readConfirmationJob } from "./confirmation-job.ts";
export { connectRedis } from "./connect-redis.ts";
export {
  type DeadLetter,
  JobFailure,
  moveFailedJobs,
  type QuarantinedDelivery,
  quarantineDelivery,
  readErrorCode,
  type StoredDeadLetter,
} from "./dead-letter.ts";
export {
  findDeadLetters,
  findReplayable,
  listDeadLetters,
  removeDeadLetters,
} from "./dead-letter-list.ts";
export { readClerkId, replayDeadLetter, viewDeadLetter } from "./dead-letter-replay.ts";
export { underDeadline } from "./deadline.ts";
export { findDeadLettersOfUser, findJobsOfUser } from "./jobs-of-user.ts";
export { closeProducers, openProducers, type Producers } from "./open-producers.ts";
export { openQueueBackend } from "./open-queue-backend.ts";
export { isOfNewerVersion } from "./payload-version.ts";
export { areQueueTablesCurrent, createPostgresQueueBackend, migrateQueues } from "./postgres-backend.ts";
export {
  addNotificationJob,
  addSyncJob,
  openProducer,
  type Producer,
  type ProducerListener,
} from "./producer.ts";
export { type QueueName, queueNames, type SyncQueueName } from "./queue-names.ts";
export {
  addReconcile,
  hasSchedules,
  isFullSyncOverdue,
  type ReconcileJob,
  type ReconcileSchedules,
  readReconcileJob,
  scheduleReconcile,
} from "./reconcile-job.ts";
export { createRedisBackend } from "./redis-backend.ts";
export {
  decideRetryDelayMs,
  type NotificationJob,
  notificationJob,
  notificationJobName,
  readSyncJob,
  type SyncJob,
} from "./sync-job.ts";
