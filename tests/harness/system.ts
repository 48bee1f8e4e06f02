import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import type { Mapping } from "@rollcall/contracts";
import {
  findFreePort,
  type PostgresServer,
  type RedisServer,
  startPostgres,
  startRedis,
} from "@rollcall/local-services";
import pg from "pg";
import { inject } from "vitest";
import { copyCluster } from "./cluster-template.ts";
import { makeDistantCron } from "./distant-cron.ts";
import { migrate } from "./migrate.ts";
import { type RunningProcess, runProcess } from "./process.ts";
import { applyRoles } from "./roles.ts";
import { waitFor } from "./wait-for.ts";

export const origin = "http://localhost:5173";
export const webhookSecret = `whsec_${Buffer.from("a secret that only tests know").toString("base64")}`;
export const adminPassword = "correct horse battery staple";

/** Two processes start beside those of other tests. On two cores this has taken longer than half a minute. */
const readyTimeoutMs = 100_000;

export type SystemOptions = {
  backend: "redis" | "postgres";
  /**
   * Overrides the defaults for every process. An empty value unsets a variable. Reconcile runs only if a RECONCILE_
   * variable is set. Otherwise a full sync would do the work that tests expect of webhooks, jobs and logins.
   */
  environment?: Record<string, string>;
  /** The root of another build than the repository's own. */
  root?: string;
  /** Says that the other build creates other tables. */
  ownTables?: boolean;
  /** Server settings of Postgres that override those of the tests. */
  postgresSettings?: Record<string, string>;
  /**
   * An app whose own tables Rollcall adopts. `fill` makes them, and may make users at Clerk for their rows. Without a
   * mapping, they are the default tables. `policies` is SQL of the app that names Rollcall's roles.
   */
  app?: {
    mapping: Mapping | undefined;
    fill(parts: { db: pg.Pool; clerk: ClerkSimulator }): Promise<void>;
    policies?: string;
  };
  /**
   * Runs under the roles of ops/roles.sql, or those of the mapping. The CLI, and every other user of `environment`, has
   * the worker's role.
   */
  underRoles?: boolean;
};

/** Rollcall as in production: built api and worker as processes, with their own Postgres and, if chosen, Redis. */
export type System = {
  apiUrl: string;
  workerUrl: string;
  environment: Record<string, string>;
  /** The same for the program that migrates. */
  migrationEnvironment: Record<string, string>;
  clerk: ClerkSimulator;
  db: pg.Pool;
  postgres: PostgresServer;
  redis: RedisServer | undefined;
  api: RunningProcess;
  worker: RunningProcess;
  /** Starts another api, with `own` as its environment if given. */
  startApi(own?: Record<string, string>): RunningProcess;
  /** Starts another worker, with `own` as its environment if given. */
  startWorker(own?: Record<string, string>): RunningProcess;
  restartPostgres(): Promise<void>;
  restartRedis(): Promise<void>;
  untilReady(): Promise<void>;
  stop(): Promise<void>;
};

export async function startSystem(options: SystemOptions): Promise<System> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-e2e-"));
  const dataDir = join(folder, "postgres");
  // Tests start more processes than one Postgres usually serves.
  const settings = { fsync: "off", max_connections: "400", ...options.postgresSettings };
  const isPlain = !options.ownTables && !options.underRoles && !options.app;
  const template = isPlain ? inject("clusterTemplate") : undefined;
  if (template !== undefined) await copyCluster(template, dataDir);
  const postgres = await startPostgres({ dataDir, settings });
  const redis = options.backend === "redis" ? await startOwnRedis(folder) : undefined;
  const [apiPort, workerPort] = [await findFreePort(), await findFreePort()];
  const apiUrl = `http://127.0.0.1:${apiPort}`;
  const clerk = await startClerkSimulator({
    rateLimit: null,
    webhook: { url: `${apiUrl}/api/webhooks/clerk`, secret: webhookSecret, timeScale: 0.01 },
  });
  const mapping = options.app?.mapping;
  const db = new pg.Pool({ connectionString: postgres.url, max: 4 });
  db.on("error", () => undefined);
  await options.app?.fill({ db, clerk });
  const roles = options.underRoles ? await applyRoles(postgres.url, mapping) : undefined;
  if (options.app?.policies !== undefined) await db.query(options.app.policies);
  const environment = dropEmpty({
    DATABASE_URL: roles?.worker ?? postgres.url,
    REDIS_URL: redis?.url ?? "",
    PORT: String(apiPort),
    WORKER_PORT: String(workerPort),
    CLERK_API_URL: clerk.url,
    CLERK_SECRET_KEY: clerk.secretKey,
    CLERK_WEBHOOK_SIGNING_SECRET: webhookSecret,
    CLERK_JWT_KEY: clerk.jwtKey,
    CLERK_AUTHORIZED_PARTIES: origin,
    ADMIN_PASSWORD: adminPassword,
    RECONCILE_FULL_CRON: makeDistantCron(),
    ROLLCALL_CONFIG: mapping ? await writeMapping(folder, mapping) : "",
    ...options.environment,
  });
  const root = options.root ?? "";
  const migrationEnvironment = { ...environment, DATABASE_URL: roles?.migrator ?? postgres.url };
  if (template === undefined) await migrate(migrationEnvironment, [], root);
  if (roles) await applyRoles(postgres.url, mapping);
  const reconciles = Object.keys(options.environment ?? {}).some((name) => name.startsWith("RECONCILE_"));
  if (!reconciles) await holdReconcile(db);

  const apiEnvironment = roles ? { ...environment, DATABASE_URL: roles.api } : environment;
  const startApi = (own = apiEnvironment) => runProcess(join(root, "apps/api/dist/main.js"), own);
  const startWorker = (own = environment) => runProcess(join(root, "apps/worker/dist/main.js"), own);
  const system: System = {
    apiUrl,
    workerUrl: `http://127.0.0.1:${workerPort}`,
    environment,
    migrationEnvironment,
    clerk,
    db,
    postgres,
    redis,
    api: startApi(),
    worker: startWorker(),
    startApi,
    startWorker,
    restartPostgres: async () => {
      system.postgres = await startPostgres({ dataDir, settings, port: postgres.port });
    },
    restartRedis: async () => {
      if (redis) system.redis = await startOwnRedis(folder, redis.port);
    },
    untilReady: async () => {
      await waitFor("api and worker to be ready", () => isReady(system), readyTimeoutMs);
    },
    stop: async () => {
      await Promise.all([system.api.stop(), system.worker.stop()]);
      await Promise.all([db.end(), clerk.stop(), system.redis?.stop(), system.postgres.stop("immediate")]);
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await system.untilReady();
    return system;
  } catch (error) {
    // The caller gets no system that it could stop. The processes would run on and slow down later tests.
    await system.stop();
    throw error;
  }
}

async function writeMapping(folder: string, mapping: Mapping): Promise<string> {
  const file = join(folder, "rollcall.config.json");
  await writeFile(file, JSON.stringify(mapping));
  return file;
}

/** Takes the leases of both modes, so that no run does any work. */
async function holdReconcile(db: pg.Pool): Promise<void> {
  await db.query(`
    insert into rollcall.leases (name, token, expires_at)
    values ('full', gen_random_uuid(), 'infinity'), ('catch-up', gen_random_uuid(), 'infinity')`);
}

function startOwnRedis(folder: string, port?: number): Promise<RedisServer> {
  const binary = inject("redisBinary");
  if (!binary) throw new Error("This test needs redis-server");
  // The data is on disk, so that a restart is an outage and loses nothing.
  const settings = { appendonly: "yes" };
  return startRedis({
    binary,
    dir: join(folder, "redis"),
    settings,
    ...(port === undefined ? {} : { port }),
  });
}

async function isReady({ apiUrl, workerUrl }: System): Promise<true | undefined> {
  const answers = await Promise.all([fetch(`${apiUrl}/readyz`), fetch(`${workerUrl}/readyz`)]);
  const bodies = await Promise.all(answers.map((answer) => answer.text()));
  return bodies.every((body) => body.includes('"status":"ok"')) ? true : undefined;
}

function dropEmpty(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
}
