import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Tools } from "./account.ts";
import { createCluster } from "./create-cluster.ts";
import { assertPortFree, findFreePort, PortBusyError } from "./free-port.ts";
import { launchPostmaster } from "./launch-postmaster.ts";
import { failWithLog, measureLog } from "./log-file.ts";
import { disownPidFile, readPidFile } from "./pid-file.ts";
import { prepareRuntime, type Runtime } from "./prepare-runtime.ts";
import { isPostmasterOf } from "./process-identity.ts";
import { speaksPostgres } from "./speaks-postgres.ts";

/** Crash recovery of a large cluster on a slow disk is inside this. */
const START_MS = 120_000;

const SETTINGS: Record<string, string> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  // A shell's or laptop's time zone must not change what SQL answers.
  timezone: "UTC",
  huge_pages: "off",
  // Parallel queries are what fills a container's 64 MB of /dev/shm, and here they would gain nothing.
  max_parallel_workers_per_gather: "0",
  max_parallel_maintenance_workers: "0",
  log_checkpoints: "off",
};

/** What startPostgres was asked for, with nothing left open. */
type Wanted = {
  dataDir: string;
  logFile: string;
  port: number | undefined;
  settings: Record<string, string>;
  sync: boolean;
  tools: Tools;
  onProgress: (message: string) => void;
};

/**
 * The pid and port of the server of `wanted.dataDir`. Looks, and launches when nothing runs, until a server is up: another
 * starter may be at the same at any moment. Throws as startPostgres says.
 */
export async function bringUp(wanted: Wanted): Promise<{ pid: number; port: number }> {
  const deadlineMs = Date.now() + START_MS;
  const logFrom = await measureLog(wanted.logFile);
  let runtime: Runtime | undefined;
  while (Date.now() < deadlineMs) {
    const running = await findRunning(wanted.dataDir);
    if (running === undefined) {
      runtime ??= await prepareCluster(wanted);
      const started = await launch(runtime, wanted, deadlineMs);
      if (started !== undefined) return started;
    } else if (running !== "busy") {
      return adopt(running, wanted);
    }
    await sleep(100);
  }
  throw await failWithLog(
    `Postgres did not start within ${START_MS / 1000} s; ${wanted.dataDir}/postmaster.pid names the process that holds the data.`,
    wanted.logFile,
    logFrom,
  );
}

async function prepareCluster(wanted: Wanted): Promise<Runtime> {
  await mkdir(dirname(wanted.logFile), { recursive: true });
  const runtime = await prepareRuntime(wanted.dataDir, wanted.tools);
  await createCluster(runtime, wanted);
  return runtime;
}

/** Undefined: look again. */
async function launch(
  runtime: Runtime,
  wanted: Wanted,
  deadlineMs: number,
): Promise<{ pid: number; port: number } | undefined> {
  const port = wanted.port ?? (await findFreePort());
  try {
    await assertPortFree(port);
  } catch (error) {
    // Unless it is held by the server that another starter has just launched on this very data.
    if (wanted.port === undefined || (await findRunning(wanted.dataDir)) !== undefined) return undefined;
    throw error;
  }
  wanted.onProgress("Starting Postgres");
  const settings = { ...SETTINGS, ...wanted.settings };
  const logFrom = await measureLog(wanted.logFile);
  const outcome = await launchPostmaster(runtime, { ...wanted, settings, port, logFrom, deadlineMs });
  switch (outcome.kind) {
    case "ready":
      return { pid: outcome.pid, port };
    case "failed":
      throw await failWithLog(`Postgres did not start: ${outcome.reason}.`, wanted.logFile, logFrom);
    case "port-busy":
      if (wanted.port !== undefined) throw new PortBusyError(wanted.port);
      return undefined;
    case "taken":
    case "still-in-use":
      return undefined;
    default:
      return outcome satisfies never;
  }
}

/** The live server of `dataDir`; "busy" while one is coming, going or silent; undefined when there is none. */
async function findRunning(dataDir: string): Promise<{ pid: number; port: number } | "busy" | undefined> {
  const file = await readPidFile(dataDir);
  if (file === undefined) return undefined;
  if (file === "unreadable") {
    await disownPidFile(dataDir, file);
    return "busy";
  }
  if (!(await isPostmasterOf(file.pid, dataDir))) {
    await disownPidFile(dataDir, file);
    return undefined;
  }
  return file.ready && (await speaksPostgres(file.port)) ? { pid: file.pid, port: file.port } : "busy";
}

function adopt(running: { pid: number; port: number }, wanted: Wanted): { pid: number; port: number } {
  if (wanted.port !== undefined && wanted.port !== running.port) {
    throw new Error(
      `The Postgres of ${wanted.dataDir} already runs on port ${running.port}, not ${wanted.port}. Stop it first: kill -INT ${running.pid}`,
    );
  }
  wanted.onProgress("Found Postgres running");
  return running;
}
