import { addSyncJob } from "@rollcall/jobs";
import { type CpuSplit, splitCpu } from "../../stage/cpu-split.ts";
import { createDeliveryMint, sendRequests } from "../../stage/http-load.ts";
import type { Services } from "../../stage/services.ts";
import { startStage } from "../../stage/stage.ts";
import { openSyncQueue } from "../../stage/sync-queue.ts";
import { addMany, openQueues } from "../queues.ts";
import type { Cell } from "../report.ts";
import { provisionJobOf } from "../rows/people.ts";
import type { ScalePart } from "./part.ts";

const accept = { webhooks: 20_000, warmUp: 5_000 };
const work = { syncJobs: 10_000, warmUp: 3_000 };
const perSecond = 5_000;

const works: readonly (Work & { name: string })[] = [
  { name: "refresh a new user", kind: "refresh", users: "new", workers: 1, clerkMs: 0 },
  { name: "refresh a known user", kind: "refresh", users: "known", workers: 1, clerkMs: 0 },
  { name: "provision a known user (login)", kind: "provision", users: "known", workers: 1, clerkMs: 0 },
  { name: "refresh a new user, Clerk in 200 ms", kind: "refresh", users: "new", workers: 1, clerkMs: 200 },
  { name: "the same, 2 workers", kind: "refresh", users: "new", workers: 2, clerkMs: 200 },
];

/** The CPU time of a webhook until it is accepted, and of its sync job until rows are committed, by program. */
export const coresPart: ScalePart = async ({ services, signal, say }) => {
  const measured: Cost[] = [
    {
      name: "accept a webhook",
      count: accept.webhooks,
      requests: 0,
      ...(await measureAccept(services, accept)),
    },
  ];
  for (const { name, ...one } of works) {
    signal.throwIfAborted();
    say(`${work.syncJobs} sync jobs: ${name}`);
    measured.push({ name, count: work.syncJobs, ...(await measureWork(services, one, work)) });
  }
  return {
    tables: [
      {
        title: `CPU time of one operation, over ${accept.webhooks} webhooks and ${work.syncJobs} sync jobs`,
        columns: ["", "µs ours", "µs Redis", "µs Postgres", "per s"],
        rows: measured.map((cost) => [cost.name, ...cpuOf(cost, 1), cost.count / (cost.wallMs / 1_000)]),
        notes: [
          "Ours: the api or the workers. The machine runs the simulator too, which lowers the rates. With Clerk in 200 ms,",
          "waiting limits the rate, not CPU.",
        ],
      },
      {
        title: `Cores at ${perSecond} a second`,
        columns: ["", "ours", "Redis", "Postgres", "requests to Clerk a second"],
        rows: measured.map((cost) => [
          cost.name,
          ...cpuOf(cost, perSecond / 1e6),
          (perSecond * cost.requests) / cost.count,
        ]),
        notes: ["Redis runs commands on one core. Clerk accepts 100 requests a second in production."],
      },
    ],
  };
};

type Cost = CpuSplit & { name: string; count: number; requests: number };

/** CPU time of one operation in our processes, Redis and Postgres, times `factor`. */
function cpuOf({ oursUs, redisUs, postgresUs, count }: Cost, factor: number): Cell[] {
  return [oursUs, redisUs, postgresUs].map((us) => (us / count) * factor);
}

const connections = 32;

/** Lets an api accept webhooks, each about another user. */
async function measureAccept(
  services: Services,
  { webhooks, warmUp }: { webhooks: number; warmUp: number },
): Promise<CpuSplit> {
  const stage = await startStage({ services, backend: "redis", users: 1 });
  try {
    const [user] = await stage.clerk.users.list({ limit: 1 });
    if (!user) throw new Error("The simulator has no user");
    const deliveries = createDeliveryMint(user);
    const { pid, url } = await stage.startApp("api");
    const mint = (count: number) => deliveries.mint("/api/webhooks/clerk", count);
    await sendRequests({ url, requests: mint(warmUp), connections });
    const requests = mint(webhooks);
    const watched = { pids: [pid], redisPid: services.redis.pid, databaseUrl: stage.databaseUrl };
    return await splitCpu(watched, () => sendRequests({ url, requests, connections }));
  } finally {
    await stage.close();
  }
}

/** Sync jobs to run: their kind, their users, the number of workers, and Clerk's latency. */
type Work = { kind: "refresh" | "provision"; users: "new" | "known"; workers: number; clerkMs: number };

/** Lets workers run waiting sync jobs, each of another user. `requests` counts their requests to Clerk. */
async function measureWork(
  services: Services,
  { kind, users, workers, clerkMs }: Work,
  { syncJobs, warmUp }: { syncJobs: number; warmUp: number },
): Promise<CpuSplit & { requests: number }> {
  const { databaseUrl, redisUrl, clerk, ...stage } = await startStage({
    services,
    backend: "redis",
    users: syncJobs + warmUp,
  });
  const queue = await openSyncQueue("redis", { databaseUrl, redisUrl });
  const queues = openQueues({ kind: "redis", redisUrl });
  try {
    const { producer, deadlineMs } = await queues.open("sync");
    const clerkIds = (await clerk.users.list({ limit: syncJobs + warmUp })).map(({ id }) => id);
    const pids: number[] = [];
    for (let worker = 0; worker < workers; worker++) pids.push((await stage.startApp("worker")).pid);
    // The warm-up compiles code, and makes the known users known.
    await queue.fill(users === "known" ? clerkIds : clerkIds.slice(0, warmUp));
    await queue.drain();
    const counted = clerkIds.slice(warmUp);
    // This pauses the queue until `drain`. It adds refreshes; other kinds are added below.
    await queue.fill(kind === "refresh" ? counted : []);
    if (kind === "provision") {
      await addMany(0, syncJobs, (number) =>
        addSyncJob(producer, provisionJobOf(counted[number] ?? ""), deadlineMs),
      );
    }
    if (clerkMs > 0) await clerk.faults.add({ kind: "latency", ms: clerkMs });
    const before = (await clerk.requests.totals()).total;
    const watched = { pids, redisPid: services.redis.pid, databaseUrl };
    const split = await splitCpu(watched, () => queue.drain());
    return { ...split, requests: (await clerk.requests.totals()).total - before };
  } finally {
    await Promise.all([queues.close(), queue.close()]);
    await stage.close();
  }
}
