/** Separate queues, so that a flood of webhooks never delays a login. */
export const queueNames = ["ensure", "sync", "reconcile", "dead-letter"] as const;

export type QueueName = (typeof queueNames)[number];

/** The queues of sync jobs and notification jobs. */
export type SyncQueueName = "ensure" | "sync";
