import { createClerkGateway } from "@rollcall/clerk";
import { createPool } from "@rollcall/db";
import {
  createDeletionReader,
  createRowReader,
  createUserReader,
  createUserWriter,
  noSessionCache,
  syncUser,
} from "@rollcall/sync";
import { Logger, run } from "graphile-worker";
import { PgBoss } from "pg-boss";
import { z } from "zod";

/**
 * Another queue on Postgres, which runs Rollcall's own handler of a sync job: the same reads, statements and rows. What a
 * sync job costs besides is the queue's. Each queue has the settings that its documentation names for many small jobs.
 */
const { peer, databaseUrl, clerkUrl, secretKey } = z
  .object({
    peer: z.enum(["graphile-worker", "pg-boss"]),
    databaseUrl: z.string(),
    clerkUrl: z.string(),
    secretKey: z.string(),
  })
  .parse(JSON.parse(process.argv[2] ?? ""));

const payload = z.object({ clerkId: z.string() });
/** As in apps/worker/src/sync-worker.ts, and connections as for queues on Postgres. */
const concurrency = 100;
const connections = 16;

const pool = createPool({ databaseUrl, applicationName: peer, onIdleError: () => undefined });
const clerk = createClerkGateway({ secretKey, apiUrl: clerkUrl });
const context = {
  pool,
  readUser: createUserReader(clerk, pool),
  readRow: createRowReader(pool),
  readDeleted: createDeletionReader(clerk),
  writeUser: createUserWriter(pool, { nomeCompleto: "New User", turma: "neon", create: true }),
  sessionCache: noSessionCache,
  autoCreate: true,
};

async function sync(given: unknown): Promise<void> {
  const { clerkId } = payload.parse(given);
  const job = { v: 1, kind: "refresh", clerkId, cause: "webhook", eventAtMs: Date.now() } as const;
  await syncUser(context, job, 1);
}

await (peer === "graphile-worker" ? startGraphileWorker() : startPgBoss());
process.send?.({});

/** https://worker.graphile.org/docs/performance: jobs are fetched and completed in batches. */
async function startGraphileWorker(): Promise<void> {
  await run({
    connectionString: databaseUrl,
    maxPoolSize: connections,
    concurrency,
    noHandleSignals: true,
    // One line for each job otherwise.
    logger: new Logger(() => () => undefined),
    preset: { worker: { localQueue: { size: concurrency + 1 }, completeJobBatchDelay: 0 } },
    taskList: { sync },
  });
}

/** https://timgit.github.io/pg-boss: a worker takes a batch, is woken by NOTIFY, and goes on while batches are full. */
async function startPgBoss(): Promise<void> {
  const boss = new PgBoss({ connectionString: databaseUrl, max: connections, useListenNotify: true });
  boss.on("error", () => undefined);
  await boss.start();
  // Completed jobs are kept for an hour, as Rollcall's are.
  await boss.createQueue("sync", { policy: "short", notify: true, deleteAfterSeconds: 3_600 });
  const options = { batchSize: concurrency / 2, localConcurrency: 2, burstWhenBatchFull: true };
  await boss.work("sync", { ...options, perJobResults: true }, (jobs) =>
    Promise.all(
      jobs.map(({ id, data }) =>
        sync(data).then(
          () => ({ id, status: "completed" as const }),
          () => ({ id, status: "failed" as const }),
        ),
      ),
    ),
  );
}
