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
  findMissingMigrations,
  hasRecentSample,
  listRuns,
  type Pool,
  readAlerts,
  sumSamples,
} from "@rollcall/db";
import type { JobQueue, Producer, Producers, QueueBackend } from "@rollcall/jobs";
import { viewAlerts } from "@rollcall/observability";
import { checkPostgres, checkQueue } from "./check-services.ts";

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
  const { pool, producers } = context;
  const [postgresFailure, queueFailure, postgres, clerk, queues, deadLetters] = await Promise.all([
    checkPostgres(pool, askTimeoutMs),
    checkQueue(context, askTimeoutMs),
    readPostgres(pool),
    askClerk(context.clerk),
    Promise.all([producers.ensure, producers.sync, producers.reconcile].map(countJobs)),
    askQueue(producers["dead-letter"], askTimeoutMs, (queue) => queue.getWaitingCount()),
  ]);
  const known = queues.flatMap((queue) => queue ?? []);
  const facts: Facts = {
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
  return { problems: decideProblems(facts, context), ...facts };
}

type Facts = Omit<SystemStatus, "problems">;

async function readPostgres(pool: Pool) {
  const ask = <T>(work: Promise<T>) => withTimeout(work, askTimeoutMs).catch(() => null);
  const latest = (mode: RunMode) => ask(listRuns(pool, { mode, beforeId: undefined, limit: 1 }));
  const [
    missingMigrations,
    schema,
    workers,
    users,
    withoutProfile,
    conflictsOpen,
    deletionsHeld,
    full,
    catchUp,
    alertsFiring,
    forwardedUntrusted,
    logins,
  ] = await Promise.all([
    ask(findMissingMigrations(pool)),
    ask(pool.schema.check(schemaMaxAgeMs)),
    ask(countWorkers(pool)),
    ask(countUsersByState(pool)),
    ask(countWithoutProfile(pool)),
    ask(countOpenConflicts(pool)),
    ask(countHeldDeletions(pool)),
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
    users: users && { ...users, withoutProfile },
    conflictsOpen,
    deletionsHeld,
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
async function readLogins(pool: Pool): Promise<SystemStatus["logins"]> {
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

/** The sentence for refused logins; undefined while most of them succeed, or while there are few. */
function describeLogins(logins: Facts["logins"]): string | undefined {
  if (!logins || logins.answered < mostLoginsRefused.atLeast) return undefined;
  const byReason = Object.entries(logins.refused).sort(([, a], [, b]) => b - a);
  const refused = byReason.reduce((total, [, times]) => total + times, 0);
  if (refused / logins.answered <= mostLoginsRefused.above) return undefined;
  const reasons = byReason.map(([outcome, times]) => `${outcome} ${times}`).join(", ");
  return `Most logins of the last 15 minutes are refused (${refused} of ${logins.answered}: ${reasons}): rollcall doctor, and logins_refused in the runbook.`;
}

/** One sentence for each problem that needs a person, the most urgent first. */
export function decideProblems(facts: Facts, { autoCreate }: { autoCreate: boolean }): string[] {
  const { clerk, missingMigrations, workers, users, deadLetters, conflictsOpen, deletionsHeld, runs } = facts;
  const mostRefused = describeLogins(facts.logins);
  const found: [boolean, string][] = [
    [facts.postgres === "down" && missingMigrations === null, "Postgres does not answer."],
    [
      facts.postgres === "down" && missingMigrations !== null,
      "Postgres answers reads and refuses writes: it is a replica, read-only or full.",
    ],
    [
      facts.queue.state === "down",
      `The queues (${facts.queue.backend}) do not answer, or answer reads and refuse writes.`,
    ],
    [
      !!missingMigrations?.length,
      `Migrations are missing (${missingMigrations?.join(", ")}): run npm run migrate.`,
    ],
    [
      !!facts.schemaProblems?.length,
      `The app's schema changed: ${facts.schemaProblems?.join("; ")}. Run npm run migrate.`,
    ],
    [workers === 0, "No worker has reported within the last minute: jobs wait."],
    [mostRefused !== undefined, mostRefused ?? ""],
    [clerk.state === "down", "Clerk does not answer: jobs wait for it."],
    [clerk.state === "refused", "Clerk refuses the key: see CLERK_SECRET_KEY."],
    [!!deadLetters, `${deadLetters} dead letter(s): rollcall dead-letters.`],
    ...runs.map(({ id, mode, state, reason }): [boolean, string] => [
      state === "failed",
      `The latest ${mode} run (${id}) failed: ${reason ?? "see its row"}`,
    ]),
    [!!deletionsHeld, `${deletionsHeld} deletion(s) held: an operator must confirm them.`],
    [
      autoCreate && !!users?.withoutProfile,
      `${users?.withoutProfile} user(s) lack a profile that they should have.`,
    ],
    [facts.alertsFiring.length > 0, `Firing: ${facts.alertsFiring.join(", ")}. See rollcall alerts.`],
    [
      facts.forwardedUntrusted === true,
      "X-Forwarded-For reaches an api whose TRUST_PROXY is unset: callers behind a proxy share one limit. Set TRUST_PROXY.",
    ],
    [!!conflictsOpen, `${conflictsOpen} conflict(s) to decide: rollcall conflicts.`],
  ];
  return found.flatMap(([isSo, sentence]) => (isSo ? [sentence] : []));
}

/** Clerk is not down if it answers with one of these errors. */
const clerkStates = new Map<ErrorCode, SystemStatus["clerk"]["state"]>([
  ["clerk.unauthorized", "refused"],
  ["clerk.rate_limited", "up"],
]);

async function askClerk(clerk: ClerkGateway | undefined): Promise<SystemStatus["clerk"]> {
  if (!clerk) return { state: "not_configured", users: null };
  try {
    return { state: "up", users: await withTimeout(clerk.countUsers(), askTimeoutMs) };
  } catch (error) {
    return { state: clerkStates.get(readErrorCode(error)) ?? "down", users: null };
  }
}

async function countJobs(producer: Producer): Promise<SystemStatus["queues"][number] | undefined> {
  const counts = await askQueue(producer, askTimeoutMs, (queue) => queue.getJobCounts());
  if (!counts) return undefined;
  const { waiting = 0, active = 0, delayed = 0, failed = 0 } = counts;
  return { name: producer.name, waiting, active, delayed, failed };
}

/** The queue's answer, connection time included; undefined when it does not answer within `limitMs`. */
export function askQueue<T>(
  producer: Producer,
  limitMs: number,
  ask: (queue: JobQueue) => Promise<T>,
): Promise<T | undefined> {
  return withTimeout(producer.connected(limitMs).then(ask), limitMs).catch(() => undefined);
}
