import { createPool, type Pool } from "@rollcall/db";
import { openProducer, type Producer, type QueueBackend, type QueueName } from "@rollcall/jobs";
import { openQueueBackend } from "@rollcall/runtime";

/** The databases that a test shares with its dying process. */
export type Place = { databaseUrl: string; redisUrl: string | undefined };

export type Stage = {
  pool: Pool;
  backend: QueueBackend;
  ensure: Producer;
  sync: Producer;
  deadLetters: Producer;
  close(): Promise<void>;
};

export function openStage({ databaseUrl, redisUrl }: Place): Stage {
  const ignore = () => undefined;
  const pool = createPool({
    databaseUrl,
    applicationName: "test",
    searchPath: "public",
    onIdleError: ignore,
  });
  const backend = openQueueBackend({
    redisNodes: redisUrl ? [redisUrl] : undefined,
    databaseUrl,
    onError: ignore,
  });
  const open = (name: QueueName) => openProducer(backend, name);
  const [ensure, sync, deadLetters] = [open("ensure"), open("sync"), open("dead-letter")];
  return {
    pool,
    backend,
    ensure,
    sync,
    deadLetters,
    close: async () => {
      await Promise.all([ensure, sync, deadLetters].map((producer) => producer.close()));
      await Promise.all([backend.close(), pool.end()]);
    },
  };
}
