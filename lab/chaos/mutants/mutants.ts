import type { AppName } from "../apps.ts";
import type { Emphasis } from "../plan/draw-plan.ts";
import type { Patch } from "./build-mutant.ts";

/** The build with one guard removed. */
export type Mutant = {
  name: string;
  /** The fault that the missing guard lets through. */
  breaks: string;
  /** The app whose tables show the fault, if the default ones do not. */
  app?: AppName;
  /** See `Plan`. */
  shards?: number;
  /** The invariant that must fail. A busy machine may break others, which prove nothing. */
  invariant: string;
  /** Acts and faults that its plans hold more of, if two of them must meet. */
  emphasis?: Emphasis;
  patches: readonly Patch[];
};

// A search over a folder still fits after a file is renamed or moved.
const db = "packages/db/dist";
const reconcile = "packages/sync/dist/reconcile";

/**
 * Two sync jobs must meet while Clerk answers the first one. Faults that stop the whole queue are left out: when the
 * queue continues, no request is under way any more.
 */
const withoutQueueStops = {
  kill: 0,
  freeze: 0,
  clerk: 0,
  "redis-kill": 0,
  "redis-freeze": 0,
  "redis-full": 0,
  "postgres-crash": 0,
} as const;

/** Full syncs, and no fault that keeps an api from accepting a request for one. */
const fullSyncsAlone = {
  ...withoutQueueStops,
  "half-open": 0,
  reset: 0,
  "postgres-terminate": 0,
  "postgres-lock-table": 0,
  "postgres-lock-rows": 0,
} as const;

/** The guards that a chaos run must find missing. The source does not know about mutants. */
export const mutants: readonly Mutant[] = [
  {
    name: "stale-write",
    breaks: "An older read overwrites a newer one",
    invariant: "order marks never go back",
    patches: [
      {
        within: db,
        find: /\s+and \(coalesce\(excluded\.clerk_updated_at, '-infinity'\), excluded\.read_ticket\)\s+>\s+\([^;]*?u\.read_ticket, 0\)\)/,
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
      faults: withoutQueueStops,
      slower: 2,
    },
    patches: [
      {
        within: db,
        find: /(\$\{insertRows\(u, key\)\}[^;]*?\bdo update set)([^;]*?\bwhere) u\.\$\{u\.deletedAt\} is null(\s+and \(coalesce\(excluded)/,
        replace: "$1 deleted_at = null,$2 true$3",
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
        within: "apps/api/dist/modules",
        find: /await (addSyncJob\(.*\bdelivery\b.*\));/,
        replace: "void $1.catch(() => undefined);",
      },
    ],
  },
  {
    name: "unique-index",
    breaks: "A user may have two profiles",
    invariant: "one profile each",
    emphasis: { acts: { times: { "by-hand": 20, "sign-up": 4 }, circle: 4 } },
    patches: [
      {
        within: "packages/db/migrations",
        find: /\('mentorados', 'id'\),\s+\('mentorados', 'user_id'\)/,
        replace: "('mentorados', 'id')",
      },
      // Migrate makes a missing key again.
      { within: db, find: /uniqueKey: property === "userId" \? [^:]*:/, replace: "uniqueKey:" },
      { within: db, find: /\bon conflict \(\$\{link\}\) do nothing\s/, replace: "" },
    ],
  },
  {
    name: "unverified-link",
    breaks: "A user gets the unclaimed profile of an address that Clerk has not verified",
    app: "prisma",
    invariant: "a profile is linked by a verified email alone",
    emphasis: { acts: { times: { invite: 4 } } },
    patches: [
      {
        within: db,
        find: /when not u\.email_verified and cardinality\(candidates \|\| former\) > 0 then 'unverified_email'\s+/,
        replace: "",
      },
    ],
  },
  {
    name: "sync-job-while-active",
    breaks: "A sync job that meets a running job is dropped, though that job may have read Clerk already",
    invariant: "nothing accepted is lost",
    emphasis: { acts: { times: { burst: 4 }, circle: 10 }, faults: withoutQueueStops, slower: 5 },
    // Jobs of other queues have the same option.
    patches: [
      { within: "packages/jobs/dist/sync-job.js", find: /,\s*keepLastIfActive: true\b/, replace: "" },
    ],
  },
  {
    name: "shards-of-others",
    breaks:
      "A worker works on the shards of its own QUEUE_SHARDS alone, and not on those that an api already uses",
    shards: 2,
    invariant: "nothing accepted is lost",
    patches: [
      {
        within: "packages/jobs/dist/redis-backend.js",
        find: /\bwatchShards\((\w+), \(\) => findUsedShards\(\w+\)\)/,
        replace: "watchShards($1, async () => [])",
      },
    ],
  },
  {
    name: "cache-drop",
    breaks: "The session cache keeps its entry from before the run",
    invariant: "ensure answers what Clerk has",
    patches: [
      {
        within: "packages/sync/dist/user",
        find: /finally \{\s*await [^;]*[cC]ache\b[^;]*\.clerkId\b[^;]*;\s*\}/,
        replace: "finally { }",
      },
    ],
  },
  {
    // The batch is split in halves and succeeds, so no row shows the fault. Postgres' log shows the refused statement.
    name: "distinct-ids",
    breaks: "A user that is in a batch twice fails the batch",
    invariant: "Postgres refuses no statement of ours",
    patches: [
      {
        within: "packages/sync/dist/coalesce",
        find: /(?<!function )\bnewest\w*\((writes)\)/,
        replace: "$1",
      },
    ],
  },
  {
    name: "outage-rule",
    breaks: "An outage counts as a failure of the user: it burns attempts, and ends in dead letters",
    invariant: "an outage costs no attempt",
    patches: [
      // Notification jobs have the same line.
      {
        within: "apps/worker/dist/modules/run-sync-work.js",
        find: /await throwIfOutage\([^;]*\);/,
        replace: "",
      },
    ],
  },
  {
    name: "mass-deletion",
    breaks: "All users that Clerk's answers lack are deleted, however many they are",
    invariant: "only a few are deleted for being absent unless a person says so",
    // Many users leave, and few other events reveal it.
    emphasis: {
      reconciles: true,
      acts: {
        times: { "sign-up": 4, leave: 10, return: 10, change: 0.3, burst: 0.3, login: 0.3, ensure: 0.3 },
      },
      faults: withoutQueueStops,
    },
    patches: [
      {
        within: db,
        find: /if \((\w+) <= \w+\)(?=\s+return true;)/,
        replace: "if ($1 >= 0)",
      },
    ],
  },
  {
    // A worker that wakes also finds out with its next heartbeat, mostly before it writes. All three checks are removed
    // here. leases.int.test.ts tests the two of the writing transactions by themselves.
    name: "lease-check",
    breaks: "A runner that slept through its lease goes on writing next to its successor",
    invariant: "only the lease's holder writes for a run",
    emphasis: {
      reconciles: true,
      faults: fullSyncsAlone,
      fullSyncs: { life: 0, kill: 0, freeze: 1, "empty-list": 0, "short-list": 0 },
    },
    patches: [
      {
        within: `${reconcile}/runner.js`,
        find: /if \(!\(await holdLease\(client, lease\)\)\)/,
        replace: "if (!(await holdLease(client, lease)) && false)",
      },
      {
        within: `${reconcile}/runner.js`,
        find: /if \(!\(await holdLease\((\w+\.pool), lease\)\)\)/,
        replace: "if (!(await holdLease($1, lease)) && false)",
      },
      {
        within: db,
        find: /advance\("from held "\)/,
        replace: 'advance("")',
      },
    ],
  },
  {
    name: "complete-full-sync",
    breaks: "A short page counts as the last one, even if Clerk counts more users",
    invariant: "a full sync that succeeded has seen every user",
    emphasis: {
      reconciles: true,
      faults: fullSyncsAlone,
      fullSyncs: { "short-list": 10 },
    },
    patches: [
      {
        within: `${reconcile}/full-sync.js`,
        find: /if \(seen >= total\)(\s+return true;)/,
        replace: "if (seen >= 0)$1",
      },
    ],
  },
  {
    // An incremental sync goes back five minutes behind the watermark. For that long, no row shows the fault.
    name: "watermark-after-commit",
    breaks: "The watermark rises before the rows are written",
    invariant: "the watermark is never ahead of the rows",
    emphasis: { reconciles: true },
    patches: [
      {
        within: reconcile,
        find: /(const \{ newestMs, oldestMs \} = \w+\((?:users|page)\);)/,
        replace: "$1\nif (newestMs !== null)\n    await raiseWatermark(runner.context.pool, newestMs);",
      },
    ],
  },
];
