import type { Emphasis } from "../plan/draw-plan.ts";

/** One change of a built file. `find` must be there exactly once, so that a change that no longer fits is noticed. */
export type Patch = {
  /** From the repository's root. */
  file: string;
  find: string;
  replace: string;
};

/** Rollcall with one guard taken out. */
export type Mutant = {
  name: string;
  breaks: string;
  /** The one that must fail. A busy machine may break others, which prove nothing. */
  invariant: string;
  /** What its runs hold more of, where two things must meet. */
  emphasis?: Emphasis;
  patches: readonly Patch[];
};

const applySnapshots = "packages/db/dist/statements/apply-snapshots.js";
const giveProfiles = "packages/db/dist/statements/give-profiles.js";
const firstMigration = "packages/db/migrations/0001_users_and_mentorados.up.sql";

/**
 * Two sync jobs meet while the first one's read is on its way. Faults that stop the whole queue are left out: by the
 * time it goes on, nothing is on its way any more.
 */
const slownessAlone = {
  kill: 0,
  freeze: 0,
  clerk: 0,
  "redis-kill": 0,
  "redis-freeze": 0,
  "redis-full": 0,
  "postgres-crash": 0,
} as const;

/** Ordered sweeps, and nothing that keeps them from being ordered. */
const sweepsAlone = {
  ...slownessAlone,
  "half-open": 0,
  reset: 0,
  "postgres-terminate": 0,
  "postgres-lock-table": 0,
  "postgres-lock-rows": 0,
} as const;

/**
 * The guards that a chaos run must miss when they are gone. The source knows nothing of this: a mutant is its
 * build with other text in it.
 */
export const mutants = [
  {
    name: "stale-write",
    breaks: "An older read overwrites a newer one",
    invariant: "order marks never go back",
    patches: [
      {
        file: applySnapshots,
        find: `
    and (excluded.clerk_updated_at, excluded.read_ticket)
      > (coalesce(u.clerk_updated_at, '-infinity'), coalesce(u.read_ticket, 0))`,
        replace: "",
      },
    ],
  },
  {
    name: "final-tombstone",
    breaks: "A read that began before the deletion brings the user back",
    invariant: "deleted stays deleted",
    emphasis: {
      acts: { times: { leave: 3, return: 3 }, circle: 10 },
      faults: slownessAlone,
      slower: 2,
    },
    patches: [
      { file: applySnapshots, find: "where u.deleted_at is null\n", replace: "where true\n" },
      {
        file: applySnapshots,
        find: "    banned           = excluded.banned,",
        replace: "    banned           = excluded.banned,\n    deleted_at       = null,",
      },
    ],
  },
  {
    name: "ack-after-enqueue",
    breaks: "A webhook is answered before its sync job is in the queue",
    invariant: "nothing accepted is lost",
    emphasis: { acts: { circle: 10 }, faults: { "redis-kill": 3, "redis-freeze": 3 } },
    patches: [
      {
        file: "apps/api/dist/modules/webhook-route.js",
        find: "await addSyncJob(context.producers.sync, toSyncJob(delivery), enqueueDeadlineMs);",
        replace:
          "void addSyncJob(context.producers.sync, toSyncJob(delivery), enqueueDeadlineMs).catch(() => undefined);",
      },
    ],
  },
  {
    name: "unique-index",
    breaks: "Nothing keeps a user from having two profiles",
    invariant: "one profile each",
    emphasis: { acts: { times: { "by-hand": 5 } } },
    patches: [
      {
        file: firstMigration,
        find: "('mentorados', 'id'), ('mentorados', 'user_id'))",
        replace: "('mentorados', 'id'))",
      },
      { file: giveProfiles, find: "  on conflict (user_id) do nothing\n", replace: "" },
    ],
  },
  {
    name: "sync-job-while-active",
    breaks:
      "A sync job that meets a running job is merged into it, though the job may have read Clerk already",
    invariant: "nothing accepted is lost",
    emphasis: { acts: { times: { burst: 4 }, circle: 10 }, faults: slownessAlone, slower: 5 },
    patches: [{ file: "packages/jobs/dist/sync-job.js", find: ", keepLastIfActive: true }", replace: " }" }],
  },
  {
    name: "cache-drop",
    breaks: "The session cache keeps what it knew before the run",
    invariant: "ensure answers what Clerk has",
    patches: [
      {
        file: "packages/sync/dist/sync-user.js",
        find: "        await dropCache(context.sessionCache, sync job.clerkId);\n",
        replace: "",
      },
    ],
  },
  {
    // Halving heals it, so no row shows it; that Postgres refused a statement does.
    name: "distinct-ids",
    breaks: "A user who is in a batch twice fails the batch",
    invariant: "Postgres refuses no statement of ours",
    patches: [
      {
        file: "packages/sync/dist/write-users.js",
        find: "applyBatch(pool, newestOfEach(writes), defaults)",
        replace: "applyBatch(pool, writes, defaults)",
      },
    ],
  },
  {
    name: "outage-rule",
    breaks: "An outage is a failure of whoever met it: it burns attempts, and ends in dead letters",
    invariant: "an outage costs no attempt",
    patches: [
      {
        file: "apps/worker/dist/modules/process-sync-job.js",
        find: "        await throwIfOutage(context, queue, error, pauseQueue);\n",
        replace: "",
      },
    ],
  },
  {
    name: "mass-deletion",
    breaks: "Everybody whom Clerk's answers lack is deleted, however many they are",
    invariant: "only a few are deleted for being absent unless a person says so",
    // Many leave, and few other events tell of it.
    emphasis: {
      reconciles: true,
      acts: {
        times: { "sign-up": 4, leave: 10, return: 10, change: 0.3, burst: 0.3, login: 0.3, ensure: 0.3 },
      },
      faults: slownessAlone,
    },
    patches: [
      {
        file: "packages/db/dist/statements/absence-guard.js",
        find: "if (inADay <= fewInADay)",
        replace: "if (inADay >= 0)",
      },
    ],
  },
  {
    // Whoever wakes hears from its next beat too, mostly before it comes to write: both looks are gone here, and
    // leases.int.test.ts holds the one in the writing transaction by itself.
    name: "lease-check",
    breaks: "A runner that slept through its lease goes on writing next to the one that took over",
    invariant: "only the lease's holder writes for a run",
    emphasis: {
      reconciles: true,
      faults: sweepsAlone,
      fullSyncs: { life: 0, kill: 0, freeze: 1, "empty-list": 0, "short-list": 0 },
    },
    patches: [
      {
        file: "packages/sync/dist/reconcile/runner.js",
        find: "if (!(await holdLease(client, lease)))\n                throw",
        replace: "await holdLease(client, lease);\n            if (false)\n                throw",
      },
      {
        file: "packages/sync/dist/reconcile/runner.js",
        find: "if (!(await holdLease(context.pool, lease)))",
        replace: "if (!(await holdLease(context.pool, lease)) && false)",
      },
    ],
  },
  {
    name: "complete-full-sync",
    breaks: "A short page is taken for the last one, also when Clerk counts more users",
    invariant: "a full sync that succeeded has seen every user",
    emphasis: {
      reconciles: true,
      faults: sweepsAlone,
      fullSyncs: { "short-list": 10 },
    },
    patches: [
      {
        file: "packages/sync/dist/reconcile/walk-pages.js",
        find: "if (seen >= total)",
        replace: "if (seen >= 0)",
      },
    ],
  },
  {
    // A catch-up goes back five minutes behind the watermark, which would hide it from the rows for as long.
    name: "watermark-after-commit",
    breaks: "The watermark rises before the rows are written",
    invariant: "the watermark is never ahead of the rows",
    emphasis: { reconciles: true },
    patches: [
      {
        file: "packages/sync/dist/reconcile/catch-up.js",
        find: "const { newestMs, oldestMs } = readRange(users);",
        replace:
          "const { newestMs, oldestMs } = readRange(users);\n        if (newestMs !== null)\n            await raiseWatermark(runner.context.pool, newestMs);",
      },
    ],
  },
] as const satisfies readonly Mutant[];

export type MutantName = (typeof mutants)[number]["name"];
