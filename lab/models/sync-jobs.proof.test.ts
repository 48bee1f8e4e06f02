import { createQueuePool } from "@rollcall/db";
import {
  addSyncJob,
  connectRedis,
  createPostgresQueueBackend,
  createRedisBackend,
  migrateQueues,
  openProducer,
  type QueueBackend,
} from "@rollcall/jobs";
import { createDatabase, startRedis } from "@rollcall/local-services";
import { Job, UnrecoverableError } from "bullmq";
import { inject } from "vitest";
import type { Replica } from "./replay.ts";
import { testModel } from "./test-model.ts";

/** Slack for a busy machine. */
const deadlineMs = 60_000;
/** Locks and delays end in a step of the model alone. */
const neverMs = 3_600_000;
const clerkId = "user_model";
const queueName = "sync";
/** Places of the job in the model. */
const places = ["none", "waiting", "active", "delayed"];

/** What the database stores of the user's jobs. */
type Stored = {
  jobs: { id: string; place: string }[];
  hasKey: boolean;
  hasNext: boolean;
  /** The token of a lock that has not expired. */
  token: string | null;
  isMarked: boolean;
};

type Store = {
  backend: QueueBackend;
  read(): Promise<Stored>;
  expireLock(): Promise<void>;
  /** Lets the next stalled check run at once. */
  allowCheck(): Promise<void>;
  clear(): Promise<void>;
  close(): Promise<void>;
};

type Workers = Awaited<ReturnType<typeof openWorkers>>;

/** Two workers with the settings of production that matter here. They take no job by themselves. */
async function openWorkers(backend: QueueBackend) {
  const create = () => {
    const worker = backend.createWorker(queueName, async () => undefined, {
      autorun: false,
      lockDuration: neverMs,
      maxStalledCount: 1_000,
      settings: { backoffStrategy: () => neverMs },
    });
    worker.on("error", () => undefined);
    return worker;
  };
  const workers = [create(), create()];
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  return workers;
}

type Producer = ReturnType<typeof openProducer>;

function createReplica(store: Store, producer: Producer, workers: Workers): Replica {
  let tokens = 0;
  /** The job that each worker is busy with, and the token of its lock. */
  const busy: ({ job: Job; token: string } | undefined)[] = [undefined, undefined];
  const workerOf = (number: number) => workers[number] ?? fail();
  const workOf = (number: number) => busy[number] ?? fail();
  const nextToken = (number: number) => `${number} ${++tokens}`;

  /** Ends the work of a worker. BullMQ refuses it without the lock, and then nothing may change. */
  async function end(number: number, how: (work: { job: Job; token: string }) => Promise<unknown>) {
    const work = workOf(number);
    busy[number] = undefined;
    await how(work).catch(() => undefined);
  }

  return {
    steps: {
      add: () =>
        addSyncJob(producer, { v: 1, kind: "refresh", clerkId, cause: "webhook", eventAtMs: 1 }, deadlineMs),
      take: async (number) => {
        const token = nextToken(number);
        const job = await workerOf(number).getNextJob(token, { block: false });
        busy[number] = job && { job, token };
      },
      renew: async (number) => {
        const { job, token } = workOf(number);
        await job.extendLock(token, neverMs);
      },
      finish: (number) => end(number, ({ job, token }) => job.moveToCompleted(undefined, token, false)),
      "finish-and-take": (number) =>
        end(number, async ({ job, token }) => {
          // BullMQ gives the next job to the same token.
          const taken = await job.moveToCompleted(undefined, token, true);
          const id = Array.isArray(taken) ? taken[1] : undefined;
          const next = id ? await Job.fromId(workerOf(number), String(id)) : undefined;
          busy[number] = next && { job: next, token };
        }),
      fail: (number) => end(number, ({ job, token }) => job.moveToFailed(new Error("once"), token)),
      "fail-for-good": (number) =>
        end(number, ({ job, token }) => job.moveToFailed(new UnrecoverableError("for good"), token)),
      "pause-for-outage": (number) => end(number, ({ job, token }) => job.moveToWait(token)),
      die: async (number) => {
        busy[number] = undefined;
      },
      "lock-expires": store.expireLock,
      "delay-ends": async () => {
        const [delayed] = (await store.read()).jobs;
        await (await Job.fromId(workerOf(0), delayed?.id ?? ""))?.promote();
      },
      "check-stalled": async () => {
        await store.allowCheck();
        // BullMQ calls it from a timer alone.
        await Reflect.apply(Reflect.get(workerOf(0), "moveStalledJobsToWait"), workerOf(0), []);
      },
    },
    observe: async () => {
      const { jobs, hasKey, hasNext, token, isMarked } = await store.read();
      if (jobs.length > 1) throw new Error(`The user has ${jobs.length} jobs`);
      return {
        job: places.indexOf(jobs[0]?.place ?? "none"),
        key: Number(hasKey),
        next: Number(hasNext),
        lock: token === null ? 0 : 1 + Number(token.split(" ")[0]),
        marked: Number(isMarked),
        busy0: Number(busy[0] !== undefined),
        busy1: Number(busy[1] !== undefined),
      };
    },
  };
}

function fail(): never {
  throw new Error("The worker of the model is another one");
}

/** A Redis of its own, because workers of other tests would take the jobs. */
async function openRedisStore(): Promise<Store> {
  const server = await startRedis({ binary: inject("redisBinary") ?? "" });
  const redis = connectRedis([server.url], {}, () => undefined);
  const backend = createRedisBackend([server.url], () => undefined);
  const key = (part: string) => `{rollcall}:${queueName}:${part}`;
  const list = async (place: string, ids: Promise<string[]>) => (await ids).map((id) => ({ id, place }));
  const readJobs = async () =>
    (
      await Promise.all([
        list("waiting", redis.lrange(key("wait"), 0, -1)),
        list("active", redis.lrange(key("active"), 0, -1)),
        list("delayed", redis.zrange(key("delayed"), "0", "-1")),
      ])
    ).flat();
  return {
    backend,
    read: async () => {
      const jobs = await readJobs();
      const id = jobs[0]?.id ?? "";
      const [hasKey, hasNext, token, isMarked] = await Promise.all([
        redis.exists(key(`de:${clerkId}`)),
        redis.exists(key(`dn:${clerkId}`)),
        redis.get(key(`${id}:lock`)),
        redis.sismember(key("stalled"), id),
      ]);
      return { jobs, hasKey: hasKey === 1, hasNext: hasNext === 1, token, isMarked: isMarked === 1 };
    },
    expireLock: async () => {
      const [job] = await readJobs();
      await redis.del(key(`${job?.id}:lock`));
    },
    allowCheck: async () => {
      await redis.del(key("stalled-check"));
    },
    clear: async () => {
      await redis.flushall();
    },
    close: async () => {
      redis.disconnect();
      await backend.close();
      await server.stop();
    },
  };
}

async function openPostgresStore(): Promise<Store> {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const pool = createQueuePool({ databaseUrl, onIdleError: () => undefined });
  await migrateQueues(pool);
  return {
    backend: createPostgresQueueBackend(pool),
    read: async () => {
      const { rows } = await pool.query(
        `select exists (select from dedup) as "hasKey", exists (select from dedup_next) as "hasNext",
                id, state::text as place, coalesce(stalled_marked, false) as "isMarked",
                case when locked_until_ms > $1 then lock_token end as token
         from (values (1)) as one left join job on state in ('waiting', 'active', 'delayed')`,
        [Date.now()],
      );
      const { id, place, ...stored } = rows[0];
      return { ...stored, jobs: id === null ? [] : rows };
    },
    expireLock: async () => {
      await pool.query("update job set locked_until_ms = 1 where state = 'active'");
    },
    allowCheck: async () => {
      await pool.query("delete from meta where field = 'stalled-check'");
    },
    clear: async () => {
      await pool.query("delete from job; delete from dedup; delete from dedup_next; delete from meta");
    },
    // The backend ends the pool.
    close: async () => undefined,
  };
}

async function open(openStore: () => Promise<Store>) {
  const store = await openStore();
  const workers = await openWorkers(store.backend);
  const producer = openProducer(store.backend, queueName);
  return {
    create: async () => {
      await store.clear();
      return createReplica(store, producer, workers);
    },
    close: async () => {
      await Promise.all([...workers.map((worker) => worker.close(true)), producer.close()]);
      await store.close();
      await store.backend.close();
    },
  };
}

const shared = { model: "sync-jobs", bugs: ["WITHOUT_KEEP_LAST", "FAILURE_FORGETS_NEXT"] };
const situation = ["job", "next", "owner"];

testModel({
  ...shared,
  needsRedis: true,
  situation: [...situation, "lock"],
  open: () => open(openRedisStore),
});
testModel({ ...shared, situation, variant: "POSTGRES", open: () => open(openPostgresStore) });
