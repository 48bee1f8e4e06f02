import type { ClerkGateway } from "@rollcall/clerk";
import {
  alertRules,
  type ErrorCode,
  mostLoginsRefused,
  type RunMode,
  readErrorCode,
  type SystemStatus,
  withTimeout,
} from "@rollcall/contracts";
import {
  countHeldDeletions,
  countOpenConflicts,
  countUsersByState,
  countWithoutProfile,
  countWorkers,
  findHeldRun,
  findMissingMigrations,
  hasRecentSample,
  listRuns,
  type Pool,
  readAlerts,
  sumSamples,
} from "@rollcall/db";
import type { JobQueue, Producer, Producers, QueueBackend, ShardedProducer } from "@rollcall/jobs";
import { viewAlerts } from "@rollcall/observability";
import { checkPostgres, checkQueue } from "./check-services.ts";
import { describeProblem, type Facts, findProblems } from "./problems.ts";

export type StatusContext = {
  pool: Pool;
  /** Undefined without CLERK_SECRET_KEY. */
  clerk: ClerkGateway | undefined;
  producers: Producers;
  backend: Pick<QueueBackend, "kind" | "checkWrite">;
  autoCreate: boolean;
};

/** Each dependency has this long to answer, and is reported as down after it. */
const askTimeoutMs = 2_000;
/** Status pages ask often. */
const schemaMaxAgeMs = 2_000;

/** The state of the whole system. Never fails: a dependency that is away is part of the answer. */
export async function readStatus(context: StatusContext): Promise<SystemStatus> {
  const facts = await readFacts(context);
  return { problems: findProblems(facts, context).map(describeProblem), ...facts };
}

/**
 * The facts behind the status.
 *
 * @param shared answers that are expensive. By default they are read now
 */
export async function readFacts(
  context: StatusContext,
  shared: { users?: Promise<Facts["users"]>; clerk?: Promise<Facts["clerk"]> } = {},
): Promise<Facts> {
  const { pool, producers } = context;
  const [postgresFailure, queueFailure, postgres, clerk, queues, deadLetters] = await Promise.all([
    checkPostgres(pool, askTimeoutMs),
    checkQueue(context, askTimeoutMs),
    readPostgres(pool, shared.users ?? countAll(pool)),
    shared.clerk ?? askClerk(context.clerk),
    Promise.all([producers.ensure, producers.sync, producers.reconcile].map(countJobs)),
    askQueue(producers["dead-letter"], askTimeoutMs, (queue) => queue.getWaitingCount()),
  ]);
  const known = queues.flatMap((queue) => queue ?? []);
  return {
    ...postgres,
    // A missing table is a missing migration, not a server that is down.
    postgres: postgresFailure && !postgres.missingMigrations?.length ? "down" : "up",
    queue: {
      backend: context.backend.kind,
      state: !queueFailure && known.length === queues.length ? "up" : "down",
    },
    clerk,
    queues: known,
    deadLetters: deadLetters ?? null,
  };
}

/**
 * Null after two seconds, while Postgres is away, and until an incremental sync has counted a large table. A count that
 * takes long is one that was kept.
 */
export async function countAll(pool: Pool): Promise<Facts["users"]> {
  const [users, withoutProfile] = await Promise.all([
    ask(countUsersByState(pool)),
    ask(countWithoutProfile(pool)),
  ]);
  return users ? { ...users, withoutProfile: withoutProfile ?? null } : null;
}

function ask<T>(work: Promise<T>): Promise<T | null> {
  return withTimeout(work, askTimeoutMs).catch(() => null);
}

async function readPostgres(pool: Pool, counts: Promise<Facts["users"]>) {
  const latest = (mode: RunMode) => ask(listRuns(pool, { mode, beforeId: undefined, limit: 1 }));
  const [
    missingMigrations,
    schema,
    workers,
    users,
    conflictsOpen,
    deletionsHeld,
    heldRunId,
    full,
    catchUp,
    alertsFiring,
    forwardedUntrusted,
    logins,
  ] = await Promise.all([
    ask(findMissingMigrations(pool)),
    ask(pool.schema.check(schemaMaxAgeMs)),
    ask(countWorkers(pool)),
    counts,
    ask(countOpenConflicts(pool)),
    ask(countHeldDeletions(pool)),
    ask(findHeldRun(pool)),
    latest("full"),
    latest("catch-up"),
    ask(listFiring(pool)),
    ask(hasRecentSample(pool, "rollcall_forwarded_untrusted")),
    ask(readLogins(pool)),
  ]);
  return {
    missingMigrations,
    schemaProblems: missingMigrations?.length === 0 && schema ? schema.map(({ says }) => says) : null,
    workers,
    users,
    conflictsOpen,
    deletionsHeld,
    heldRunId,
    logins,
    alertsFiring: alertsFiring ?? [],
    forwardedUntrusted,
    runs: [full, catchUp].flatMap((runs) => runs ?? []),
  };
}

async function listFiring(pool: Pool): Promise<string[]> {
  const names = alertRules.map(({ name }) => name);
  const alerts = viewAlerts(alertRules, await readAlerts(pool, names));
  return alerts.filter(({ state }) => state === "firing").map(({ name }) => name);
}

/** Every api process stores its counts within 10 s. */
async function readLogins(pool: Pool): Promise<Facts["logins"]> {
  const { of, part, windowS } = mostLoginsRefused;
  const [samples = []] = await sumSamples(pool, [{ metric: of.metric, fromS: windowS, untilS: 0 }]);
  const select = ({ labels }: typeof of | typeof part) => {
    const pattern = new RegExp(`^(?:${labels.outcome})$`);
    return samples.filter((sample) => pattern.test(sample.labels["outcome"] ?? ""));
  };
  const refused = select(part).map(({ labels, value }) => [labels["outcome"], value]);
  return { answered: sum(select(of)), refused: Object.fromEntries(refused) };
}

function sum(samples: readonly { value: number }[]): number {
  return samples.reduce((total, { value }) => total + value, 0);
}

/** Clerk is not down if it answers with one of these errors. */
const clerkStates = new Map<ErrorCode, SystemStatus["clerk"]["state"]>([
  ["clerk.unauthorized", "refused"],
  ["clerk.rate_limited", "up"],
]);

/** Whether Clerk answers, and how many users it has. */
export async function askClerk(clerk: ClerkGateway | undefined): Promise<Facts["clerk"]> {
  if (!clerk) return { state: "not_configured", users: null };
  try {
    return { state: "up", users: await withTimeout(clerk.countUsers(), askTimeoutMs) };
  } catch (error) {
    return { state: clerkStates.get(readErrorCode(error)) ?? "down", users: null };
  }
}

/** The jobs of all shards of a queue. */
async function countJobs({
  name,
  connected,
}: Producer | ShardedProducer): Promise<SystemStatus["queues"][number] | undefined> {
  const producer: Asked<JobQueue | readonly JobQueue[]> = { connected };
  const counts = await askQueue(producer, askTimeoutMs, (queues) =>
    Promise.all([queues].flat().map((queue) => queue.getJobCounts())),
  );
  if (!counts) return undefined;
  const total = (state: string) => counts.reduce((sum, count) => sum + (count[state] ?? 0), 0);
  return {
    name,
    waiting: total("waiting"),
    active: total("active"),
    delayed: total("delayed"),
    failed: total("failed"),
  };
}

/** A queue, or all its shards. */
export type Asked<Queues> = { connected(deadlineMs: number): Promise<Queues> };

/** The answer of a queue, or of all its shards, connection time included; undefined after `limitMs` without one. */
export function askQueue<Queues, T>(
  producer: Asked<Queues>,
  limitMs: number,
  ask: (queues: Queues) => Promise<T>,
): Promise<T | undefined> {
  return withTimeout(producer.connected(limitMs).then(ask), limitMs).catch(() => undefined);
}
