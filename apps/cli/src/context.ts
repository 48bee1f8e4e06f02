import { createClerkGateway } from "@rollcall/clerk";
import { createPool, type Pool } from "@rollcall/db";
import { closeProducers, openProducers, openQueueBackend, type QueueBackend } from "@rollcall/jobs";
import {
  type ChangeContext,
  type DeadLetterContext,
  type ExplainContext,
  openSessionCache,
  type PurgeContext,
  type StatusContext,
} from "@rollcall/sync";
import type { CliConfig } from "./config.ts";

/** What commands use: Postgres, the queues and Clerk directly; no api needs to run. */
export type CliContext = {
  pool: Pool;
  backend: QueueBackend;
  status: StatusContext;
  change: ChangeContext;
  purge: PurgeContext;
  explain: ExplainContext;
  deadLetters: DeadLetterContext;
  close(): Promise<void>;
};

export function createCliContext(config: CliConfig): CliContext {
  const ignore = () => undefined;
  const pool = createPool({
    databaseUrl: config.DATABASE_URL,
    applicationName: "rollcall-cli",
    max: 4,
    onIdleError: ignore,
  });
  const backend = openQueueBackend({
    redisNodes: config.REDIS_URL,
    databaseUrl: config.DATABASE_URL,
    onError: ignore,
  });
  const producers = openProducers(backend);
  const { ensure, sync, reconcile, "dead-letter": deadLetters } = producers;
  const autoCreate = config.ENABLE_AUTO_CREATE;
  const sessionCache = openSessionCache({
    redisNodes: config.REDIS_URL,
    connection: "writer",
    ttlS: config.SESSION_CACHE_TTL_S,
    appSessionKey: config.APP_SESSION_KEY,
  });
  const clerk =
    config.CLERK_SECRET_KEY === undefined
      ? undefined
      : createClerkGateway({ secretKey: config.CLERK_SECRET_KEY, apiUrl: config.CLERK_API_URL });
  return {
    pool,
    backend,
    status: {
      pool,
      clerk,
      queues: [ensure, sync, reconcile],
      deadLetters,
      backend: backend.kind,
      autoCreate,
    },
    change: { pool, queue: sync, sessionCache },
    purge: { pool, clerk, sessionCache, deadLetters },
    explain: { pool, clerk, queues: [ensure, sync], deadLetters, autoCreate },
    deadLetters: { pool, deadLetters, producers: { ensure, sync } },
    close: async () => {
      await closeProducers(producers);
      sessionCache.close();
      await Promise.allSettled([backend.close(), clerk?.close(), pool.end()]);
    },
  };
}
