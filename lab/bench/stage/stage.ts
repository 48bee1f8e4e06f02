import { join } from "node:path";
import type { RemoteClerkSimulator } from "@rollcall/clerk-simulator";
import { Redis } from "ioredis";
import { makeDistantCron } from "../../../tests/harness/distant-cron.ts";
import { findSteadyPort } from "../../chaos/stage/free-port.ts";
import { createTokenMint, origin, type TokenMint } from "../../chaos/stage/session-tokens.ts";
import { startSimulatorProcess } from "../../chaos/stage/simulator-process.ts";
import { type AppProcess, startAppProcess } from "./app-process.ts";
import { type ReferenceName, type ReferenceProcess, startReference } from "./reference-process.ts";
import { root, type Services } from "./services.ts";

export type Backend = "redis" | "postgres";

export const webhookSecret = `whsec_${Buffer.from("a secret that only the bench knows").toString("base64")}`;

/** What one case plays with: a database of its own, an empty Redis, and the processes that it starts. */
export type Stage = {
  readonly backend: Backend;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** For queues beside those of the case, on the same servers. */
  otherQueues(): Promise<{ databaseUrl: string; redisUrl: string }>;
  readonly clerk: RemoteClerkSimulator;
  readonly tokens: TokenMint;
  startApp(app: "api" | "worker", environment?: Record<string, string>): Promise<AppProcess>;
  startReference(name: ReferenceName, options: Readonly<Record<string, unknown>>): Promise<ReferenceProcess>;
  /** Ends what it started, last things first. */
  close(): Promise<void>;
};

export type StageOptions = {
  services: Services;
  backend: Backend;
  /** Users that Clerk has at the start. */
  users: number;
  /** Where processes write what they spent their time with. */
  profileDir?: string | undefined;
};

/** A production key: its limit of requests is far above what a sweep on this machine asks for. */
export const secretKey = "sk_live_bench";

export async function setStage({ services, backend, users, profileDir }: StageOptions): Promise<Stage> {
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
      // Not while we measure.
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
      tokens,
      startApp: async (app, environment = {}) => {
        const port = await findSteadyPort();
        const started = await startAppProcess({
          entry: join(root, `apps/${app}/dist/main.js`),
          url: `http://127.0.0.1:${port}`,
          environment: { ...common, [app === "api" ? "PORT" : "WORKER_PORT"]: String(port), ...environment },
          logFile: join(services.folder, `${app}-${port}.log`),
          profileDir,
        });
        closers.push(started.stop);
        return started;
      },
      startReference: async (name, options) => {
        const started = await startReference(name, options, profileDir);
        closers.push(started.stop);
        return started;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** As a Redis that was just started. */
export async function emptyRedis(url: string): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 3 });
  await redis.flushall();
  redis.disconnect();
}
