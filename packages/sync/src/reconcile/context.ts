import type { ClerkGateway } from "@rollcall/clerk";
import type { RunView } from "@rollcall/contracts";
import type { Pool, ProfileDefaults, RequestBudget } from "@rollcall/db";
import type { Logger, Metrics } from "@rollcall/observability";
import type { SessionCache } from "../ensure/session-cache.ts";

/** What reconcile runs work with. */
export type ReconcileContext = {
  pool: Pool;
  clerk: ClerkGateway;
  sessionCache: SessionCache;
  defaults: ProfileDefaults;
  /** How often all processes together may ask Clerk: see `decideRequestBudget`. */
  budget: RequestBudget;
  log: Logger;
  metrics: Metrics;
  /** How long Clerk may fail before a run gives up; 10 minutes by default. */
  retryForMs?: number;
  /** How long a lease outlives its holder's last sign; 15 s by default. */
  leaseMs?: number;
};

export type RunOptions = {
  /** Told of the run's row after each step. */
  onProgress?: (run: RunView) => void;
  /** Aborted: the run stops after its present step, and whoever comes next goes on with it. */
  signal?: AbortSignal;
};

const windowMs = 10_000;
/** A request may arrive a little later than it was granted: two bursts must not meet in one of Clerk's windows. */
const marginMs = 1_000;

/**
 * How many requests reconcile may make: a share of Clerk's limit, which is 1000 in 10 s for a production key and
 * 100 for a development one, and which the app needs too. Source: Clerk's "Rate limits" guide.
 */
export function decideRequestBudget(secretKey: string, share: number): RequestBudget {
  const limit = secretKey.startsWith("sk_live_") ? 1_000 : 100;
  return { requests: Math.max(1, Math.floor(limit * share)), windowMs: windowMs + marginMs };
}
