/** A limit that the design sets, in its section 8. */
export type Limit = {
  /** The measurement, and the reference for a ratio. */
  text: string;
  atMost: number;
  unit: "×" | "ms" | "s" | "MB";
};

export const limits = {
  webhook: {
    text: "CPU to accept a webhook (Redis), of a bare Fastify route that answers the same",
    atMost: 3,
    unit: "×",
  },
  ensureHot: {
    text: "CPU of a hot ensure, of a bare Fastify route with one Redis GET",
    atMost: 1.4,
    unit: "×",
  },
  ensureCold: {
    text: "p99 of a first login, Clerk answering in 200 ms, 50 at once",
    atMost: 500,
    unit: "ms",
  },
  syncJob: {
    text: "CPU from sync job to committed rows (Redis, coalesced), of a no-op job with the same options",
    atMost: 2,
    unit: "×",
  },
  syncJobOnPostgres: {
    text: "duration of a sync job on Postgres queues, of BullMQ's own no-op job there with completed jobs removed",
    atMost: 1.25,
    unit: "×",
  },
  firstFillToScript: {
    text: "duration of a first fill, of a script that upserts user by user",
    atMost: 1 / 7,
    unit: "×",
  },
  firstFillToUnnest: {
    text: "duration of a first fill, of unnest into the same tables and indexes with one event a user, on one connection",
    atMost: 1 / 0.6,
    unit: "×",
  },
  firstFillMillion: { text: "duration of a first fill of a million users", atMost: 90, unit: "s" },
  fullSyncUnchanged: {
    text: "CPU of a full sync, nothing drifted, of fetching and parsing the same pages",
    atMost: 1.4,
    unit: "×",
  },
  fullSyncOfBudget: {
    text: "duration of a full sync, Clerk taking 250 ms a page, of what the budget allows",
    atMost: 1.25,
    unit: "×",
  },
  fullSyncMemory: { text: "peak memory of a worker that runs full syncs", atMost: 250, unit: "MB" },
  fullSyncGrowth: {
    text: "peak memory of a full sync of 1 M users, of one of 100 k",
    atMost: 1.1,
    unit: "×",
  },
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof limits;
