import { join } from "node:path";
import type { RemoteClerkSimulator } from "@rollcall/clerk-simulator";
import { findFreePort } from "@rollcall/local-services";
import { Redis } from "ioredis";
import { makeDistantCron } from "../../tests/harness/distant-cron.ts";
import { type AppProcess, startAppProcess } from "./app-process.ts";
import { repository } from "./repository.ts";
import type { Services } from "./services.ts";
import { createTokenMint, origin, type TokenMint } from "./session-tokens.ts";
import { startSimulatorProcess } from "./simulator-process.ts";

export type Backend = "redis" | "postgres";

export const webhookSecret = `whsec_${Buffer.from("a webhook secret of the bench").toString("base64")}`;

/** The surroundings of one measurement: a database, an empty Redis, a simulator, and the processes that it starts. */
export type Stage = {
  readonly backend: Backend;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** Addresses for a second set of queues on the same servers. */
  otherQueues(): Promise<{ databaseUrl: string; redisUrl: string }>;
  readonly clerk: RemoteClerkSimulator;
  /** The process of the simulator. */
  readonly clerkPid: number;
  readonly tokens: TokenMint;
  startApp(app: "api" | "worker", environment?: Record<string, string>): Promise<AppProcess>;
  /** The folder for CPU profiles, if they are wanted. */
  readonly profileDir: string | undefined;
  /** Adds a process to those that `close` stops. */
  onClose(stop: () => Promise<unknown>): void;
  /** Stops everything that it started, in reverse order. */
  close(): Promise<void>;
};

export type StageOptions = {
  services: Services;
  backend: Backend;
  /** The number of users at Clerk at the start. */
  users: number;
  /** The folder for CPU profiles. */
  profileDir?: string | undefined;
};

/** A production key. Its rate limit is far above the requests of a full sync on this machine. */
export const secretKey = "sk_live_bench";

export async function startStage({ services, backend, users, profileDir }: StageOptions): Promise<Stage> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const closeOne of closers.splice(0).reverse()) await closeOne();
  };
  try {
    const redisUrl = services.redis.url;
    await emptyRedis(redisUrl);
    const databaseUrl = await services.cluster.createDatabase();
    const simulator = await startSimulatorProcess(secretKey, 1);
    closers.push(simulator.stop);
    const { clerk } = simulator;
    if (users > 0) await clerk.users.seed(users);
    const tokens = await createTokenMint();
    const common = {
      DATABASE_URL: databaseUrl,
      ...(backend === "redis" && { REDIS_URL: redisUrl }),
      CLERK_API_URL: clerk.url,
      CLERK_SECRET_KEY: secretKey,
      CLERK_WEBHOOK_SIGNING_SECRET: webhookSecret,
      CLERK_JWT_KEY: tokens.jwtKey,
      CLERK_AUTHORIZED_PARTIES: origin,
      CLERK_RATE_BUDGET: "1",
      // No scheduled run during a measurement.
      RECONCILE_CATCHUP_EVERY_MS: "3600000",
      RECONCILE_FULL_CRON: makeDistantCron(),
    };
    return {
      backend,
      databaseUrl,
      redisUrl,
      otherQueues: async () => ({
        databaseUrl: await services.cluster.createDatabase(),
        redisUrl: `${redisUrl}/1`,
      }),
      clerk,
      clerkPid: simulator.pid,
      tokens,
      startApp: async (app, environment = {}) => {
        const port = await findFreePort();
        const started = await startAppProcess({
          entry: join(repository, `apps/${app}/dist/main.js`),
          url: `http://127.0.0.1:${port}`,
          environment: { ...common, [app === "api" ? "PORT" : "WORKER_PORT"]: String(port), ...environment },
          logFile: join(services.folder, `${app}-${port}.log`),
          profileDir,
        });
        closers.push(started.stop);
        return started;
      },
      profileDir,
      onClose: (stop) => closers.push(stop),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Deletes all keys. */
export async function emptyRedis(url: string): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 3 });
  await redis.flushall();
  redis.disconnect();
}
