import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, readErrorCode, type SessionView, withTimeout } from "@rollcall/contracts";
import { findSession, type Pool, wasAbsent } from "@rollcall/db";
import { addSyncJob, type UserProducer } from "@rollcall/jobs";
import type { PostgresMonitor } from "./postgres-monitor.ts";
import type { CachedSession, CacheResult, SessionCache } from "./session-cache.ts";
import { decideSessionAccess, toSessionView } from "./session-view.ts";

export type EnsureContext = {
  pool: Pool;
  postgres: PostgresMonitor;
  sessionCache: SessionCache;
  queue: UserProducer;
  autoCreate: boolean;
  timeoutMs: number;
  onCacheRead: (result: "hit" | "miss" | "incomplete") => void;
  /** Postgres or the queue failed, and the answer is `unavailable`. */
  onFailure: (error: unknown) => void;
  /** A cached user has no profile. A sync job repairs it. */
  onCacheWithoutProfile: (clerkId: string) => void;
};

type Path = "cache" | "row" | "queue";

/** The result of an ensure call, and where the answer was found. */
export type EnsureResult =
  | { kind: "ready"; session: SessionView; created: boolean; stale: boolean; path: Path }
  | { kind: "refused"; code: "user.banned" | "user.deleted" | "user.unknown"; path: Path }
  | { kind: "pending" }
  | { kind: "unavailable"; code: ErrorCode };

const firstPollMs = 25;
const longestPollMs = 200;
const pollGrowth = 1.5;
/** The least time for a read: a read that begins just before the deadline is not late yet. */
const minReadMs = 500;
/** A retry waits at most this long in the queue, so an absence that was recorded within it still holds. */
const absenceValidForMs = 30_000;

/**
 * Makes sure that a signed-in user has a row and a profile. It reads the cache, then the row. If both lack the user, it
 * adds a sync job and reads the row again until the row is there or the deadline passes. It waits for no event, so any
 * process may do the work.
 */
export async function ensureUser(context: EnsureContext, clerkId: string): Promise<EnsureResult> {
  const deadline = Date.now() + context.timeoutMs;
  const cached = await context.sessionCache.read(clerkId, context.postgres.serverStart());
  const fromCache = answerFromCache(context, clerkId, cached);
  if (fromCache) return fromCache;
  try {
    const session = await readSession(context, clerkId, deadline);
    const known = session && answerFromRow(context, session.view, { created: false, path: "row" });
    if (session && known) {
      if (known.kind === "ready" && "miss" in cached)
        await context.sessionCache.fill(clerkId, cached.miss.lease, session);
      return known;
    }
    await addSyncJob(context.queue, syncJobFor(clerkId), Math.max(1, deadline - Date.now()));
    const polled = await pollRow(context, clerkId, deadline);
    // No worker can make the row, and "pending" would let the client ask for ever.
    const isHopeless = polled.kind === "pending" && context.pool.schema.isBroken();
    return isHopeless ? { kind: "unavailable", code: "schema.changed" } : polled;
  } catch (failure) {
    const error = await context.pool.schema.explain(failure);
    if (readErrorCode(error) === "internal") throw error;
    context.onFailure(error);
    context.postgres.check();
    return { kind: "unavailable", code: readErrorCode(error) };
  }
}

function syncJobFor(clerkId: string) {
  return { v: 1, kind: "refresh", clerkId, cause: "ensure", eventAtMs: Date.now() } as const;
}

function answerFromCache(
  context: EnsureContext,
  clerkId: string,
  cached: CacheResult,
): EnsureResult | undefined {
  if (!("hit" in cached)) {
    context.onCacheRead("miss");
    return undefined;
  }
  const answer = answerFromRow(context, cached.hit, { created: false, path: "cache" });
  context.onCacheRead(answer ? "hit" : "incomplete");
  if (!answer) context.onCacheWithoutProfile(clerkId);
  return answer;
}

/** The final answer that these rows allow, or undefined when the profile is still missing. */
function answerFromRow(
  context: EnsureContext,
  session: SessionView,
  found: { created: boolean; path: Path },
): EnsureResult | undefined {
  const access = decideSessionAccess(session, context);
  switch (access) {
    case "ready":
      return { kind: "ready", session, ...found, stale: found.path === "cache" && isStale(context) };
    case "banned":
      return { kind: "refused", code: "user.banned", path: found.path };
    case "deleted":
      return { kind: "refused", code: "user.deleted", path: found.path };
    case "incomplete":
      return undefined;
    default:
      return access satisfies never;
  }
}

/** No change reaches the cache while Postgres is away, and while the schema refuses our writes. */
function isStale({ postgres, pool }: EnsureContext): boolean {
  return postgres.isDown() || pool.schema.isBroken();
}

async function pollRow(context: EnsureContext, clerkId: string, deadline: number): Promise<EnsureResult> {
  let pollMs = firstPollMs;
  while (Date.now() + pollMs < deadline) {
    await sleep(pollMs);
    const session = await readSession(context, clerkId, deadline);
    const answer = session && answerFromRow(context, session.view, { created: true, path: "queue" });
    if (answer) return answer;
    pollMs = Math.min(pollMs * pollGrowth, longestPollMs);
  }
  const absent = await beforeDeadline(wasAbsent(context.pool, clerkId, absenceValidForMs), deadline);
  return absent ? { kind: "refused", code: "user.unknown", path: "queue" } : { kind: "pending" };
}

async function readSession(
  context: EnsureContext,
  clerkId: string,
  deadline: number,
): Promise<CachedSession | undefined> {
  const rows = await beforeDeadline(findSession(context.pool, clerkId), deadline);
  return rows && { view: toSessionView(rows), serverStart: rows.serverStart };
}

/** The pool limits the wait for a connection and for a statement. Their sum may be longer than the deadline. */
function beforeDeadline<T>(read: Promise<T>, deadline: number): Promise<T> {
  return withTimeout(
    read,
    Math.max(minReadMs, deadline - Date.now()),
    "postgres.unavailable",
    "Reading rows",
  );
}
