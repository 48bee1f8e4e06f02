import { type ErrorCode, type OrganizationView, readErrorCode, type SessionView } from "@rollcall/contracts";
import { findSession, type Pool, wasAbsent } from "@rollcall/db";
import { addSyncJob, type UserProducer } from "@rollcall/jobs";
import { ensureMembership } from "./active-organization.ts";
import { findCurrent, type OrganizationRead, type Pair } from "./organization-cache.ts";
import { beforeDeadline, poll } from "./poll.ts";
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

type Ready = {
  kind: "ready";
  session: SessionView;
  /** The caller's active organization; undefined for the personal account, and while organizations are off. */
  organization?: OrganizationView;
  created: boolean;
  stale: boolean;
  path: Path;
};

/** The result of an ensure call, and where the answer was found. */
export type EnsureResult =
  | Ready
  | {
      kind: "refused";
      code: "user.banned" | "user.deleted" | "user.unknown" | "organization.not_a_member";
      path: Path;
    }
  | { kind: "pending" }
  | { kind: "unavailable"; code: ErrorCode };

/** A retry waits at most this long in the queue, so an absence that was recorded within it still holds. */
const absenceValidForMs = 30_000;

/**
 * Makes sure that a signed-in user has a row and a profile. It reads the cache, then the row. If both lack the user, it
 * adds a sync job and reads the row again until the row is there or the deadline passes. It waits for no event, so any
 * process may do the work. Of a user who is ready, it then does the same with the membership in the active organization.
 *
 * @param clerkOrgId the active organization of the session. It counts only while the mapping has organizations
 */
export async function ensureUser(
  context: EnsureContext,
  clerkId: string,
  clerkOrgId: string | null = null,
): Promise<EnsureResult> {
  const deadline = Date.now() + context.timeoutMs;
  const { sessionCache, postgres, pool } = context;
  const pair = pool.tables.organizations && clerkOrgId !== null ? { clerkOrgId, clerkId } : undefined;
  // It never fails, so the two reads of the cache wait together.
  const stored = pair && sessionCache.organizations.read(pair);
  const cached = await sessionCache.read(clerkId, postgres.serverStart());
  const fromCache = answerFromCache(context, clerkId, cached);
  if (fromCache && !pair) return fromCache;
  try {
    const user = fromCache ?? (await answerFromRows(context, clerkId, cached, deadline));
    const answer =
      user.kind === "ready" && pair && stored
        ? await addOrganization(context, pair, user, { cached, stored: await stored }, deadline)
        : user;
    // No worker can make the row, and "pending" would let the client ask for ever.
    const isHopeless = answer.kind === "pending" && pool.schema.isBroken();
    return isHopeless ? { kind: "unavailable", code: "schema.changed" } : answer;
  } catch (failure) {
    const error = await pool.schema.explain(failure);
    if (readErrorCode(error) === "internal") throw error;
    context.onFailure(error);
    postgres.check();
    return { kind: "unavailable", code: readErrorCode(error) };
  }
}

async function answerFromRows(
  context: EnsureContext,
  clerkId: string,
  cached: CacheResult,
  deadline: number,
): Promise<EnsureResult> {
  const session = await readSession(context, clerkId, deadline);
  const known = session && answerFromRow(context, session.view, { created: false, path: "row" });
  if (session && known) {
    if (known.kind === "ready" && "miss" in cached)
      await context.sessionCache.fill(clerkId, cached.miss.lease, session);
    return known;
  }
  await addSyncJob(context.queue, syncJobFor(clerkId), Math.max(1, deadline - Date.now()));
  return pollRow(context, clerkId, deadline);
}

/** Adds the active organization to the answer for a user. */
async function addOrganization(
  context: EnsureContext,
  pair: Pair,
  user: Ready,
  { cached, stored }: { cached: CacheResult; stored: OrganizationRead },
  deadline: number,
): Promise<EnsureResult> {
  const { sessionCache, postgres } = context;
  const generation = "hit" in cached ? cached.generation : cached.miss.lease;
  const current = "hit" in cached && findCurrent(stored, cached.generation, postgres.serverStart());
  if (current) return { ...user, organization: current };
  const answer = await ensureMembership(context, pair, deadline);
  switch (answer.kind) {
    case "member": {
      const { organization } = answer;
      const of = { user: generation, organization: stored.generation };
      await sessionCache.organizations.fill(pair, of, organization);
      const path = user.path === "queue" ? "queue" : answer.path;
      return { ...user, organization: organization.view, path };
    }
    case "not_a_member":
      return { kind: "refused", code: "organization.not_a_member", path: answer.path };
    case "pending":
      return answer;
    default:
      return answer satisfies never;
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
  const answer = await poll(deadline, async () => {
    const session = await readSession(context, clerkId, deadline);
    return session && answerFromRow(context, session.view, { created: true, path: "queue" });
  });
  if (answer) return answer;
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
