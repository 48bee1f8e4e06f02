import { createClerkGateway } from "@rollcall/clerk";
import { createPool } from "@rollcall/db";
import { createPostgresQueueBackend, createRedisBackend, openProducer, type QueueName } from "@rollcall/jobs";
import type { DeadLetterContext, ExplainContext } from "@rollcall/sync";
import type { CliConfig } from "./config.ts";

/** What commands use: Postgres, the queues and Clerk directly; no api needs to run. */
export type CliContext = {
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
  const backend = config.REDIS_URL
    ? createRedisBackend(config.REDIS_URL, ignore)
    : createPostgresQueueBackend(config.DATABASE_URL, ignore);
  const open = (name: QueueName) => openProducer(backend, name, { onConnected: ignore, onError: ignore });
  const [ensure, sync, deadLetters] = [open("ensure"), open("sync"), open("dead-letter")];
  const clerk =
    config.CLERK_SECRET_KEY === undefined
      ? undefined
      : createClerkGateway({ secretKey: config.CLERK_SECRET_KEY, apiUrl: config.CLERK_API_URL });
  return {
    explain: { pool, clerk, queues: [ensure, sync], deadLetters, autoCreate: config.ENABLE_AUTO_CREATE },
    deadLetters: { pool, deadLetters, producers: { ensure, sync } },
    close: async () => {
      await Promise.allSettled([ensure, sync, deadLetters].map((producer) => producer.close()));
      await Promise.allSettled([backend.close(), clerk?.close(), pool.end()]);
    },
  };
}
