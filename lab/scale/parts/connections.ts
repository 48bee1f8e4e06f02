import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeEnsureCalls, sendRequests } from "../../stage/http-load.ts";
import { type Backend, type Stage, startStage } from "../../stage/stage.ts";
import { openSyncQueue } from "../../stage/sync-queue.ts";
import type { Cell } from "../report.ts";
import type { ScalePart, Study } from "./part.ts";

const logins = 100;
const syncJobs = 2_000;

/** The number of connections that an api and a worker open, each alone and under full load. */
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
        title: "Highest number of connections of one process",
        columns: ["", "to Postgres", "to Redis"],
        rows,
        notes: [
          `api: ${logins} first logins at once, without a worker. worker: ${syncJobs} waiting sync jobs.`,
        ],
      },
    ],
  };
};

async function runApiScenario({ services }: Study, backend: Backend): Promise<number[]> {
  const stage = await startStage({ services, backend, users: logins });
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
  const stage = await startStage({ services, backend, users: syncJobs });
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

const everyMs = 100;
const established = "01";

/** Runs `work`. @returns the highest number of connections that the process had to each local port */
async function watchConnections(
  pid: number,
  ports: readonly number[],
  work: () => Promise<unknown>,
): Promise<number[]> {
  const most = ports.map(() => 0);
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const now = await countConnections(pid, ports);
      for (const [index, count] of now.entries()) most[index] = Math.max(most[index] ?? 0, count);
      await sleep(everyMs);
    }
  })();
  // It is awaited after the work. Without this, a failure before would be an unhandled rejection.
  watching.catch(() => undefined);
  try {
    await work();
  } finally {
    isOver = true;
    await watching;
  }
  return most;
}

async function countConnections(pid: number, ports: readonly number[]): Promise<number[]> {
  const table = await readFile(`/proc/${pid}/net/tcp`, "utf8");
  const sockets = await listSockets(pid);
  const own = table
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === established && sockets.has(inode ?? ""));
  return ports.map(
    (port) =>
      own.filter(([, , remote = ""]) => Number.parseInt(remote.split(":")[1] ?? "", 16) === port).length,
  );
}

/** The inodes of a process' open sockets. */
async function listSockets(pid: number): Promise<Set<string>> {
  const folder = `/proc/${pid}/fd`;
  const files = await readdir(folder);
  // A socket may be closed meanwhile.
  const links = await Promise.all(files.map((file) => readlink(`${folder}/${file}`).catch(() => "")));
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}
