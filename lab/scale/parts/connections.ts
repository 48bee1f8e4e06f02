import { encodeEnsureCalls } from "../../bench/load/ensure-calls.ts";
import { sendRequests } from "../../bench/load/http-load.ts";
import { openSyncQueue } from "../../bench/load/sync-queue.ts";
import { type Backend, type Stage, setStage } from "../../bench/stage/stage.ts";
import { watchConnections } from "../measure/connection-watch.ts";
import type { Cell } from "../report/part-report.ts";
import type { ScalePart, Study } from "./part.ts";

const logins = 100;
const syncJobs = 2_000;

/** How many connections an api and a worker open, each by itself under more load than it can bear. */
export const connectionsPart: ScalePart = async (study) => {
  const rows: Cell[][] = [];
  for (const backend of ["redis", "postgres"] as const) {
    study.say(`Connections with queues on ${backend}`);
    rows.push([`api, queues on ${backend}`, ...(await runApiScenario(study, backend))]);
    rows.push([`worker, queues on ${backend}`, ...(await runWorkerScenario(study, backend))]);
  }
  return {
    tables: [
      {
        title: "Most connections of one process at a time",
        columns: ["", "to Postgres", "to Redis"],
        rows,
        notes: [
          `api: ${logins} first logins at once, and nobody who works. worker: ${syncJobs} syncJobs that waited.`,
        ],
      },
    ],
  };
};

async function runApiScenario({ services }: Study, backend: Backend): Promise<number[]> {
  const stage = await setStage({ services, backend, users: logins });
  try {
    const { pid, url } = await stage.startApp("api");
    const requests = await encodeEnsureCalls("/api/ensure", stage.tokens, await listIds(stage, logins));
    return await watchConnections(pid, portsOf(stage), () =>
      sendRequests({ url, requests, connections: logins, expectedStatus: 202, firstAddress: 0 }),
    );
  } finally {
    await stage.close();
  }
}

async function runWorkerScenario({ services }: Study, backend: Backend): Promise<number[]> {
  const stage = await setStage({ services, backend, users: syncJobs });
  const queue = await openSyncQueue(backend, stage);
  try {
    await queue.fill(await listIds(stage, syncJobs));
    const { pid } = await stage.startApp("worker");
    return await watchConnections(pid, portsOf(stage), () => queue.drain());
  } finally {
    await queue.close();
    await stage.close();
  }
}

async function listIds({ clerk }: Stage, limit: number): Promise<string[]> {
  return (await clerk.users.list({ limit })).map(({ id }) => id);
}

function portsOf({ databaseUrl, redisUrl }: Stage): number[] {
  return [databaseUrl, redisUrl].map((url) => Number(new URL(url).port));
}
