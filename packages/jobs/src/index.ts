export type { JobProcessor, JobQueue, JobWorker, QueueBackend, QueuedJob } from "./backend.ts";
export { addConfirmation, confirmationJobName, readConfirmationJob } from "./confirmation.ts";
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
export { decideRetryDelayMs, type Nudge, readNudge, type Welcome, welcome, welcomeJobName } from "./nudge.ts";
export { closeProducers, openProducers, type Producers } from "./open-producers.ts";
export { openQueueBackend } from "./open-queue-backend.ts";
export { isOfNewerBuild } from "./payload-version.ts";
export { areQueueTablesCurrent, createPostgresQueueBackend, migrateQueues } from "./postgres-backend.ts";
export { addNudge, addWelcome, openProducer, type Producer, type ProducerListener } from "./producer.ts";
export { type NudgeQueueName, type QueueName, queueNames } from "./queue-names.ts";
export {
  addReconcile,
  hasSchedules,
  isSweepOverdue,
  type ReconcileJob,
  type ReconcileSchedules,
  readReconcileJob,
  scheduleReconcile,
} from "./reconcile.ts";
export { createRedisBackend } from "./redis-backend.ts";
