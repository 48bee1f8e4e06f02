import { createDeliveryMint } from "../../load/deliveries.ts";
import { sendRequests } from "../../load/http-load.ts";
import { openNudgeQueue } from "../../load/nudge-queue.ts";
import { type Stage, setStage } from "../../stage/stage.ts";
import { type CpuSplit, splitCpu } from "../measure/cpu-split.ts";
import type { Cell } from "../report/part-report.ts";
import type { ScalePart, Study } from "./part.ts";

const webhooks = 20_000;
const webhooksBefore = 5_000;
const nudges = 10_000;
const nudgesBefore = 3_000;
const perSecond = 5_000;
const connections = 32;

/** Nudges to work off: of whom, by how many workers, and how long Clerk takes. */
type Work = { what: string; who: "new" | "known"; workers: number; clerkMs: number };

const works: readonly Work[] = [
  { what: "a new user, Clerk at once", who: "new", workers: 1, clerkMs: 0 },
  { what: "a known one, unchanged", who: "known", workers: 1, clerkMs: 0 },
  { what: "a new user, Clerk in 200 ms", who: "new", workers: 1, clerkMs: 200 },
  { what: "the same, 2 workers", who: "new", workers: 2, clerkMs: 200 },
];

/** Whose CPU time a webhook takes until it is accepted, and its nudge until rows are committed. */
export const coresPart: ScalePart = async (study) => {
  const accepted = await measureAccept(study);
  const rows: Cell[][] = [toRow("accept a webhook", accepted, webhooks, null)];
  for (const work of works) {
    study.signal.throwIfAborted();
    study.say(`${nudges} nudges: ${work.what}`);
    const { requests, ...split } = await measureWork(study, work);
    rows.push(toRow(work.what, split, nudges, requests));
  }
  return {
    tables: [
      {
        title: `CPU time of each part, ${webhooks} webhooks and ${nudges} nudges`,
        columns: [
          "",
          "µs ours",
          "µs Redis",
          "µs Postgres",
          "per s",
          "requests to Clerk each",
          `cores at ${perSecond}/s`,
        ],
        rows,
        notes: [
          "Ours: the api, or the workers. Cores: all three, if a second has so many of them. Rates are of this machine,",
          "which runs the simulator too; those with Clerk in 200 ms are bounded by waiting, not by cores.",
        ],
      },
    ],
  };
};

function toRow(what: string, split: CpuSplit, count: number, requests: number | null): Cell[] {
  const { oursUs, redisUs, postgresUs, wallMs } = split;
  const cores = ((oursUs + redisUs + postgresUs) / count) * (perSecond / 1e6);
  return [
    what,
    oursUs / count,
    redisUs / count,
    postgresUs / count,
    count / (wallMs / 1_000),
    requests === null ? null : requests / count,
    cores,
  ];
}

async function measureAccept({ services }: Study): Promise<CpuSplit> {
  const stage = await setStage({ services, backend: "redis", users: 1 });
  try {
    const [user] = await stage.clerk.users.list({ limit: 1 });
    if (!user) throw new Error("The simulator has no user");
    const deliveries = createDeliveryMint(user);
    const { pid, url } = await stage.startApp("api");
    const send = async (count: number) => {
      const requests = deliveries.mint("/api/webhooks/clerk", count);
      return () => sendRequests({ url, requests, connections });
    };
    await (await send(webhooksBefore))();
    const work = await send(webhooks);
    return await splitCpu(watch(services, stage, [pid]), work);
  } finally {
    await stage.close();
  }
}

async function measureWork(
  { services }: Study,
  { who, workers, clerkMs }: Work,
): Promise<CpuSplit & { requests: number }> {
  const stage = await setStage({ services, backend: "redis", users: nudges + nudgesBefore });
  const queue = await openNudgeQueue("redis", stage);
  try {
    const users = await stage.clerk.users.list({ limit: nudges + nudgesBefore });
    const clerkIds = users.map(({ id }) => id);
    const pids: number[] = [];
    for (let worker = 0; worker < workers; worker++) pids.push((await stage.startApp("worker")).pid);
    const drain = async (from: number, to: number) => {
      await queue.fill(clerkIds.slice(from, to));
      return () => queue.drain();
    };
    await (await drain(0, nudgesBefore))();
    if (who === "known") await (await drain(nudgesBefore, clerkIds.length))();
    if (clerkMs > 0) await stage.clerk.faults.add({ kind: "latency", ms: clerkMs });
    const work = await drain(nudgesBefore, clerkIds.length);
    const before = (await stage.clerk.requests.totals()).total;
    const split = await splitCpu(watch(services, stage, pids), work);
    return { ...split, requests: (await stage.clerk.requests.totals()).total - before };
  } finally {
    await queue.close();
    await stage.close();
  }
}

function watch({ redis }: Study["services"], { databaseUrl }: Stage, pids: readonly number[]) {
  return { pids, redisPid: redis.pid, databaseUrl };
}
