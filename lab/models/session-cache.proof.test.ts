import type { ClerkUser } from "@rollcall/clerk";
import type { Pool } from "@rollcall/db";
import { connectRedis } from "@rollcall/jobs";
import {
  createRowReader,
  createSessionCache,
  createUserWriter,
  ensureUser,
  type SyncContext,
  syncUser,
} from "@rollcall/sync";
import { createTestPool, testDefaults } from "@rollcall/sync/testing/fixtures";
import { inject } from "vitest";
import type { Replica } from "./replay.ts";
import { SteppedProcess } from "./stepped-process.ts";
import { testModel } from "./test-model.ts";

type Redis = ReturnType<typeof connectRedis>;
type Services = { pool: Pool; redis: Redis };

/** Places of the model by the stops of the real functions. */
const readerPlaces = ["idle", "take-lease", "read-row", "fill"];
const writerPlaces = ["idle", "drop"];
/** Commands of the session cache by the steps of the model. */
const readerCommands = { get: "get", set: "take-lease", eval: "fill" };
const writerCommands = { del: "drop" };

const never = () => undefined;
let users = 0;

/** One user with two logins and two sync jobs: the real ensure, handler, rows and keys. */
async function createReplica({ pool, redis }: Services): Promise<Replica & { end(): Promise<void> }> {
  const clerkId = `user_model_${++users}`;
  const key = `rollcall:session:${clerkId}`;
  /** The reader that made a lease, by the lease. */
  const leases = new Map<string, number>();
  const readers = [0, 1].map((number) => {
    const process = new SteppedProcess();
    const stopping = stopBefore(redis, readerCommands, process, ({ command, args }) => {
      if (command === "set") leases.set(String(args[1]), number);
    });
    return { process, context: { ...ensureContext(pool, process), sessionCache: cacheOn(stopping) } };
  });
  const writers = [0, 1].map(() => {
    const process = new SteppedProcess();
    const context = {
      ...syncContext(pool),
      sessionCache: cacheOn(stopBefore(redis, writerCommands, process)),
    };
    return { process, context, isLost: false };
  });
  const reader = (number: number) => readers[number] ?? fail();
  const writer = (number: number) => writers[number] ?? fail();

  async function readVersion(): Promise<number> {
    const { rows } = await pool.query(
      "select extract(epoch from clerk_updated_at)::int as version from users where clerk_id = $1",
      [clerkId],
    );
    return rows[0]?.["version"];
  }

  async function readKey(): Promise<number> {
    const stored = await redis.get(key);
    if (stored === null) return 0;
    const owner = leases.get(stored);
    if (owner !== undefined) return 1 + owner;
    return 10 + Date.parse(JSON.parse(stored).user.clerkUpdatedAt) / 1_000;
  }

  /** A sync job that finds a version at Clerk. It writes the row, and stops before it deletes the key. */
  async function runJob(number: number, version: number): Promise<void> {
    const { process, context } = writer(number);
    const readUser: SyncContext["readUser"] = async () => {
      return { result: { found: clerkUser(clerkId, version) }, readSequence: version };
    };
    const job = { v: 1, kind: "refresh", clerkId, cause: "webhook", eventAtMs: 1 } as const;
    await process.begin(() => syncUser({ ...context, readUser }, job, 1));
  }

  await runJob(0, 1);
  await writer(0).process.proceed();
  return {
    steps: {
      get: async (number) => {
        const { process, context } = reader(number);
        await process.begin(() => ensureUser(context, clerkId));
        await process.proceed();
      },
      "take-lease": (number) => reader(number).process.proceed(),
      "read-row": (number) => reader(number).process.proceed(),
      fill: (number) => reader(number).process.proceed(),
      "reader-dies": (number) => reader(number).process.die(),
      commit: async (number) => runJob(number, (await readVersion()) + 1),
      drop: (number) => writer(number).process.proceed(),
      "writer-dies": async (number) => {
        await writer(number).process.die();
        writer(number).isLost = true;
      },
      "run-again": async (number) => {
        writer(number).isLost = false;
        await runJob(number, await readVersion());
      },
      expire: async () => {
        await redis.del(key);
      },
    },
    observe: async () => ({
      key: await readKey(),
      row: await readVersion(),
      reader0: readerPlaces.indexOf(reader(0).process.at),
      reader1: readerPlaces.indexOf(reader(1).process.at),
      writer0: writer(0).isLost ? 2 : writerPlaces.indexOf(writer(0).process.at),
      writer1: writer(1).isLost ? 2 : writerPlaces.indexOf(writer(1).process.at),
    }),
    end: async () => {
      await Promise.all([...readers, ...writers].map(({ process }) => process.die()));
      await redis.del(key);
    },
  };
}

function fail(): never {
  throw new Error("The model has another number of processes");
}

/** A client whose commands wait until their process may take the step. */
function stopBefore(
  redis: Redis,
  steps: Readonly<Record<string, string>>,
  process: SteppedProcess,
  onCommand: (sent: { command: string; args: readonly unknown[] }) => void = never,
): Redis {
  return new Proxy(redis, {
    get(client, name) {
      const value: unknown = Reflect.get(client, name);
      if (typeof value !== "function") return value;
      const step = steps[String(name)];
      if (step === undefined) return value.bind(client);
      return async (...args: unknown[]) => {
        await process.stop(step);
        onCommand({ command: String(name), args });
        return Reflect.apply(value, client, args);
      };
    },
  });
}

const cacheOn = (redis: Redis) => createSessionCache({ redis, ttlS: 300, appSessionKey: "app:{clerkId}" });

function ensureContext(pool: Pool, process: SteppedProcess) {
  return {
    pool: {
      ...pool,
      query: async (...sent: Parameters<Pool["query"]>) => {
        await process.stop("read-row");
        return pool.query(...sent);
      },
    } as Pool,
    postgres: { isDown: () => false, serverStart: () => undefined, check: never, close: never },
    // Row and profile exist, so no job is added.
    queue: undefined as never,
    autoCreate: true,
    // A stop may take long.
    timeoutMs: 600_000,
    onCacheRead: never,
    onFailure: never,
    onCacheWithoutProfile: never,
  };
}

function syncContext(pool: Pool): Omit<SyncContext, "sessionCache" | "readUser"> {
  const readDeleted = () => Promise.reject(new Error("No job of the model deletes a user"));
  return {
    pool,
    readRow: createRowReader(pool),
    readDeleted,
    writeUser: createUserWriter(pool, testDefaults),
    autoCreate: true,
  };
}

const clerkUser = (id: string, version: number): ClerkUser => ({
  id,
  first_name: `Version ${version}`,
  created_at: 1_000,
  updated_at: version * 1_000,
});

testModel({
  model: "session-cache",
  needsRedis: true,
  bugs: ["FILL_WITHOUT_LEASE", "SAME_LEASE"],
  situation: ["key", "lease0"],
  open: async () => {
    const pool = await createTestPool(inject("postgresUrl"));
    const redis = connectRedis([inject("redisUrl") ?? ""], {}, never);
    return {
      create: () => createReplica({ pool, redis }),
      close: async () => {
        redis.disconnect();
        await pool.end();
      },
    };
  },
});
