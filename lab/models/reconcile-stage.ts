import { createClerkGateway } from "@rollcall/clerk";
import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { createPool, migrateUp, type Pool } from "@rollcall/db";
import { createDatabase } from "@rollcall/local-services";
import { createLogger, createMetrics } from "@rollcall/observability";
import { openSessionCache, type ReconcileContext } from "@rollcall/sync";
import { testDefaults } from "@rollcall/sync/testing/fixtures";

/** A stop may take as long as the other processes need for their steps. */
export const neverMs = 3_600_000;

/** Services of reconcile runs whose steps a test orders. No statement, lease or transaction ends by its time. */
export type ReconcileStage = {
  pool: Pool;
  clerk: ClerkSimulator;
  context: ReconcileContext;
  close(): Promise<void>;
};

export async function openReconcileStage(postgresUrl: string): Promise<ReconcileStage> {
  const pool = createPool({
    databaseUrl: await createDatabase(postgresUrl),
    applicationName: "model",
    searchPath: "public",
    max: 12,
    queryTimeoutMs: neverMs,
    waitTimeoutMs: neverMs,
    onIdleError: () => undefined,
  });
  await migrateUp(pool);
  const clerk = await startClerkSimulator({ rateLimit: null });
  const { secretKey, url: apiUrl } = clerk;
  const gateway = createClerkGateway({ secretKey, apiUrl, timeoutMs: 60_000, listTimeoutMs: 60_000 });
  const context: ReconcileContext = {
    pool,
    clerk: gateway,
    // Without Redis there is no cache.
    sessionCache: openSessionCache({
      redisNodes: undefined,
      connection: "writer",
      ttlS: 300,
      appSessionKey: "session:{clerkId}",
    }),
    defaults: testDefaults,
    budget: { requests: 100_000, windowMs: 1_000 },
    log: createLogger({ level: "silent", process: "test" }),
    metrics: createMetrics("worker"),
    leaseMs: neverMs,
  };
  return {
    pool,
    clerk,
    context,
    close: async () => {
      await Promise.all([pool.end(), gateway.close(), clerk.stop()]);
    },
  };
}
