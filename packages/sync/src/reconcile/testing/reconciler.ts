import { createClerkGateway } from "@rollcall/clerk";
import type { ClerkSimulator } from "@rollcall/clerk-simulator";
import type { Mapping, RunMode, RunView } from "@rollcall/contracts";
import { createPool, type Pool } from "@rollcall/db";
import { createLogger, createMetrics } from "@rollcall/observability";
import { noSessionCache, type SessionCache } from "../../ensure/session-cache.ts";
import { testDefaults } from "../../testing/fixtures.ts";
import { requestRun } from "../request-run.ts";
import { type RunResult, runReconcile } from "../run.ts";
import type { ReconcileContext, RunOptions } from "../runner.ts";

/** A process that reconciles, with connections of its own. */
export type Reconciler = {
  context: ReconcileContext;
  pool: Pool;
  /** Requests a run and works on it. */
  run(mode: RunMode, options?: RunOptions & { dryRun?: boolean }): Promise<RunResult>;
  /** The same, and fails unless the run ends. */
  complete(mode: RunMode, options?: RunOptions & { dryRun?: boolean }): Promise<RunView>;
  close(): Promise<void>;
};

export type ReconcilerOptions = Partial<
  Pick<
    ReconcileContext,
    | ("budget" | "retryForMs" | "leaseMs" | "defaults" | "concurrency" | "smallestPart" | "deletionsAtOnce")
    | "tracing"
  >
> & {
  /** Instead of the simulator's own address. */
  apiUrl?: string;
  sessionCache?: SessionCache;
  /** The timeout of requests to Clerk: slack for a busy machine, unless a test is about it. */
  timeoutMs?: number;
  /** Connections to Postgres. */
  connections?: number;
  mapping?: Mapping;
};

export function createReconciler(
  databaseUrl: string,
  clerk: ClerkSimulator,
  {
    apiUrl = clerk.url,
    sessionCache = noSessionCache,
    timeoutMs = 30_000,
    connections = 4,
    mapping,
    ...options
  }: ReconcilerOptions = {},
): Reconciler {
  const pool = createPool({
    databaseUrl,
    ...(mapping && { mapping }),
    applicationName: "reconciler",
    max: connections,
    tracing: options.tracing,
    onIdleError: () => undefined,
  });
  const gateway = createClerkGateway({
    secretKey: clerk.secretKey,
    apiUrl,
    tracing: options.tracing,
    timeoutMs,
    listTimeoutMs: timeoutMs,
  });
  const context: ReconcileContext = {
    pool,
    clerk: gateway,
    sessionCache,
    defaults: testDefaults,
    budget: { requests: 100_000, windowMs: 1_000 },
    log: createLogger({ level: "silent", process: "test" }),
    metrics: createMetrics("worker"),
    retryForMs: 1_500,
    ...options,
  };
  const run: Reconciler["run"] = async (mode, { dryRun = false, ...runOptions } = {}) => {
    const requested = await requestRun(context, { mode, dryRun }, { program: "test" });
    return runReconcile(context, requested.run.id, runOptions);
  };
  return {
    context,
    pool,
    run,
    complete: async (mode, runOptions) => {
      const result = await run(mode, runOptions);
      if (result.kind !== "ended") throw new Error(`The run did not end: ${result.kind}`);
      return result.run;
    },
    close: async () => {
      await Promise.all([pool.end(), gateway.close()]);
    },
  };
}
