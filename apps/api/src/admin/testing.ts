import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPool, migrateUp } from "@rollcall/db";
import { migrateQueues } from "@rollcall/jobs";
import { type PostgresServer, startPostgres } from "@rollcall/local-services";
import { createLogger, type Telemetry } from "@rollcall/observability";
import type { FastifyInstance } from "fastify";
import pg from "pg";
import { buildApp } from "../app.ts";
import { readApiConfig } from "../config.ts";
import { type ApiContext, createApiContext } from "../context.ts";

const password = "correct horse battery staple";
const publicKey = generateKeyPairSync("rsa", { modulusLength: 2048 })
  .publicKey.export({ type: "spki", format: "pem" })
  .toString();

/** The header of a script that has the password. */
export const authorization = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;

export const login = { name: "admin", password };

/** A Postgres server with all tables, for one file of tests. */
export type TestDatabase = {
  /** Tests write over connections of their own, as other processes do. */
  db: pg.Pool;
  url: string;
  stopServer(): Promise<void>;
  startServer(): Promise<void>;
  remove(): Promise<void>;
};

export async function startTestDatabase(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-admin-"));
  const options = { dataDir: join(folder, "postgres"), settings: { fsync: "off" } };
  let server: PostgresServer = await startPostgres(options);
  const pool = createPool({ databaseUrl: server.url, applicationName: "test", onIdleError: () => undefined });
  await migrateUp(pool);
  await migrateQueues(pool.driver);
  await pool.end();
  const db = new pg.Pool({
    connectionString: server.url,
    // A failed test leaves its transactions open, and the next one needs the lock.
    idle_in_transaction_session_timeout: 30_000,
  });
  db.on("error", () => undefined);
  return {
    db,
    url: server.url,
    stopServer: () => server.stop("immediate"),
    startServer: async () => {
      server = await startPostgres({ ...options, port: server.port });
    },
    remove: async () => {
      await db.end();
      await server.stop("immediate");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The api in this process, with its queues on Postgres and without Clerk. It listens on a free port. */
export async function startTestApi(
  { url }: TestDatabase,
  telemetry?: Telemetry,
): Promise<{ app: FastifyInstance; context: ApiContext }> {
  const config = readApiConfig({
    DATABASE_URL: url,
    CLERK_JWT_KEY: publicKey,
    CLERK_AUTHORIZED_PARTIES: "http://localhost:5173",
    ADMIN_PASSWORD: password,
  });
  const context = createApiContext(config, createLogger({ level: "silent", process: "api" }), telemetry);
  const app = await buildApp(context);
  await app.listen({ host: "127.0.0.1", port: 0 });
  return { app, context };
}
