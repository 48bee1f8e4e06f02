import { addSyncJob } from "@rollcall/jobs";
import { openSyncQueue } from "../../bench/load/sync-queue.ts";
import type { Services } from "../../bench/stage/services.ts";
import { setStage } from "../../bench/stage/stage.ts";
import { addMany } from "../load/add-many.ts";
import { openQueues } from "../load/open-queues.ts";
import { loginOf } from "../rows/people.ts";
import { type CpuSplit, splitCpu } from "./cpu-split.ts";

/** SyncJobs to work off: of which kind, of whom, by how many workers, and how long Clerk takes for an answer. */
export type Work = { kind: "refresh" | "provision"; who: "new" | "known"; workers: number; clerkMs: number };

/** Has workers work off so many sync jobs that wait, each of another user. `requests`: what they asked Clerk. */
export async function measureWork(
  services: Services,
  { kind, who, workers, clerkMs }: Work,
  { syncJobs, warmUp }: { syncJobs: number; warmUp: number },
): Promise<CpuSplit & { requests: number }> {
  const { databaseUrl, redisUrl, clerk, ...stage } = await setStage({
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
    // Code gets warm; and those who shall be known are made known.
    await queue.fill(who === "known" ? clerkIds : clerkIds.slice(0, warmUp));
    await queue.drain();
    const counted = clerkIds.slice(warmUp);
    // Fills with looks. From then on nobody takes anything before the drain.
    await queue.fill(kind === "refresh" ? counted : []);
    if (kind === "provision") {
      await addMany(0, syncJobs, (number) =>
        addSyncJob(producer, loginOf(counted[number] ?? ""), deadlineMs),
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
