import { createDatabase } from "@rollcall/local-services";
import pg from "pg";
import { onTestFinished } from "vitest";
import type { QueueBackend } from "./backend.ts";
import { createPostgresQueueBackend, migrateQueues } from "./postgres-backend.ts";

/** Queues in a new database, with a record of their statements. */
export type TestQueues = {
  url: string;
  backend: QueueBackend;
  /** For the test's own statements, which are not recorded. */
  db: pg.Pool;
  /** The pool of the queues. */
  queuePool: pg.Pool;
  /** The texts of the queues' statements, oldest first. Empty it to start anew. */
  statements: string[];
  close(): Promise<void>;
};

/** Opens queues as the product does, with the options of its pool. */
export async function openTestQueues(serverUrl: string): Promise<TestQueues> {
  const url = await createDatabase(serverUrl);
  const options =
    "-c search_path=bullmq,pg_temp -c default_transaction_isolation=read\\ committed -c enable_seqscan=off -c jit=off";
  const statements: string[] = [];
  const queuePool = new RecordedPool({ connectionString: url, options, max: 16 }, statements);
  const db = new pg.Pool({ connectionString: url, options });
  await migrateQueues(db);
  const backend = createPostgresQueueBackend(queuePool);
  return {
    url,
    backend,
    db,
    queuePool,
    statements,
    close: async () => {
      await backend.close();
      await db.end();
    },
  };
}

class RecordedPool extends pg.Pool {
  readonly #statements: string[];

  constructor(config: pg.PoolConfig, statements: string[]) {
    super(config);
    this.#statements = statements;
  }

  // The driver has many overloads of it, and this one passes on what it gets.
  override query(...given: unknown[]): never {
    this.#statements.push(String(given[0]));
    return Reflect.apply(super.query, this, given) as never;
  }
}

/** Another process in the middle of a transaction. It ends with the test at the latest, so that no lock outlives it. */
export async function openTransaction(db: pg.Pool): Promise<pg.PoolClient> {
  const client = await db.connect();
  await client.query("begin");
  onTestFinished(() => {
    client.release(true);
  });
  return client;
}
