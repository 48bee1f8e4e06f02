import { mkdir, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { assertPortFree, findFreePort, PortBusyError } from "../free-port.ts";
import { failWithLog, measureLog } from "../server-process.ts";
import { createCluster, readPassword } from "./create-cluster.ts";
import { launchPostmaster, speaksPostgres } from "./launch-postmaster.ts";
import { disownPidFile, readPidFile } from "./pid-file.ts";
import { isPostmasterOf } from "./process-identity.ts";
import { assertOwnable, findTools, prepareRuntime, type Runtime, type Tools } from "./runtime.ts";
import { type StopMode, stopPostmaster } from "./stop-postgres.ts";

export type PostgresServer = {
  /** With the password: postgres://postgres:…@127.0.0.1:port/postgres */
  url: string;
  port: number;
  pid: number;
  dataDir: string;
  logFile: string;
  /** Ends the server, also an adopted one, and waits until it is gone. May be called again. Throws when it does not stop. */
  stop(mode?: StopMode): Promise<void>;
};

export type PostgresOptions = {
  dataDir: string;
  /** Appended to; default: the data folder's name with `.log`. */
  logFile?: string;
  /** Default: any free one. */
  port?: number;
  /** Server settings, over ours. An adopted server keeps the settings of its own start. */
  settings?: Record<string, string>;
  /** Receives sentences for a person who waits. */
  onProgress?: (message: string) => void;
  /** False makes initdb skip fsync: for clusters that need not survive a power cut. */
  sync?: boolean;
  /** Tests use it to simulate a machine without these tools. */
  tools?: Tools;
};

/** PostgresOptions with every default filled in. */
type Wanted = Required<Omit<PostgresOptions, "port">> & { port: number | undefined };

type Running = { pid: number; port: number };

/** Enough for the crash recovery of a large cluster on a slow disk. */
const startMs = 120_000;

const ourSettings: Record<string, string> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  // The time zone of a shell or laptop must not change the answers of SQL.
  timezone: "UTC",
  huge_pages: "off",
  // Parallel queries fill the 64 MB of /dev/shm that a container has, and would gain nothing here.
  max_parallel_workers_per_gather: "0",
  max_parallel_maintenance_workers: "0",
  log_checkpoints: "off",
};

/**
 * Starts or adopts the cluster in `dataDir`, and creates it the first time. Also works as root. A server that a killed
 * process left running is adopted, and a stale postmaster.pid does no harm. Two starts at once get the same server, and
 * the first stop() ends it for both. Throws PortBusyError for a `port` that is taken. Any other Error says what to do or
 * holds the log's path and last lines.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const dataDir = await locate(options.dataDir);
  const logFile = resolve(options.logFile ?? `${dataDir}.log`);
  await assertOwnable(dataDir);
  const { settings = {}, sync = true, tools = findTools(), onProgress = () => {} } = options;
  const wanted = { dataDir, logFile, port: options.port, settings, sync, tools, onProgress };
  const { pid, port } = await findOrLaunch(wanted);
  const password = await readPassword(dataDir);
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    port,
    pid,
    dataDir,
    logFile,
    stop: (mode = "fast") => stopPostmaster(pid, dataDir, mode),
  };
}

/** The path without symlinks, because it identifies a server. A link to a bigger disk works: initdb renames over there. */
async function locate(dataDir: string): Promise<string> {
  const path = resolve(dataDir);
  await mkdir(dirname(path), { recursive: true });
  return realpath(path).catch(async () => join(await realpath(dirname(path)), basename(path)));
}

/** Checks for a running server and launches one when there is none. Repeats, because another starter may do the same. */
async function findOrLaunch(wanted: Wanted): Promise<Running> {
  const deadlineMs = Date.now() + startMs;
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
    `Postgres did not start within ${startMs / 1000} s; ${wanted.dataDir}/postmaster.pid names the process that holds the data.`,
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

/** Undefined: try again. */
async function launch(runtime: Runtime, wanted: Wanted, deadlineMs: number): Promise<Running | undefined> {
  const port = wanted.port ?? (await findFreePort());
  try {
    await assertPortFree(port);
  } catch (error) {
    // Another starter may just have launched a server on this data, which now holds the port.
    if (wanted.port === undefined || (await findRunning(wanted.dataDir)) !== undefined) return undefined;
    throw error;
  }
  wanted.onProgress("Starting Postgres");
  const settings = { ...ourSettings, ...wanted.settings };
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

/** The live server of `dataDir`; "busy" while one starts, stops or does not answer; undefined when there is none. */
async function findRunning(dataDir: string): Promise<Running | "busy" | undefined> {
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

function adopt(running: Running, wanted: Wanted): Running {
  if (wanted.port !== undefined && wanted.port !== running.port) {
    throw new Error(
      `The Postgres of ${wanted.dataDir} already runs on port ${running.port}, not ${wanted.port}. Stop it first: kill -INT ${running.pid}`,
    );
  }
  wanted.onProgress("Found Postgres running");
  return running;
}
