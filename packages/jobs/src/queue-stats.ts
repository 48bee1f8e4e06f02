/** What can be said of a queue without reading it through, however long it is. */
export type QueueStats = {
  jobs: Record<"waiting" | "active" | "delayed" | "failed" | "completed", number>;
  /** When the oldest job that is not finished was queued; milliseconds since the epoch. */
  oldestUnfinishedAtMs: number | undefined;
};

/** How many jobs of a list there are by name, for its newest ones; the rest is only counted. */
export type NameCounts = { names: ReadonlyMap<string, number>; rest: number };

/** Of the active jobs and the retries so many are looked at for the oldest: it is nearly always among them. */
export const sampled = { active: 500, delayed: 100 } as const;
