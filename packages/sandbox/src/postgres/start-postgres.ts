import { mkdir, realpath } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { assertOwnable, findTools, type Tools } from "./account.ts";
import { createCluster, readPassword } from "./create-cluster.ts";
import { assertPortFree, findFreePort, PortBusyError } from "./free-port.ts";
import { launchPostmaster } from "./launch-postmaster.ts";
import { failWithLog, measureLog } from "./log-file.ts";
import { disownPidFile, readPidFile } from "./pid-file.ts";
import { prepareRuntime, type Runtime } from "./prepare-runtime.ts";
import { isPostmasterOf } from "./process-identity.ts";
import { speaksPostgres } from "./speaks-postgres.ts";
import { type StopMode, stopPostmaster } from "./stop-postmaster.ts";

export type PostgresServer = {
  /** With the password: postgres://postgres:…@127.0.0.1:port/postgres */
  url: string;
  port: number;
  pid: number;
  dataDir: string;
  logFile: string;
  /** Ends the server, whoever started it, and waits for that. May be called again. Throws when it will not end. */
  stop(mode?: StopMode): Promise<void>;
};

export type PostgresOptions = {
  dataDir: string;
  /** Appended to; default: the data folder's name with `.log`. */
  logFile?: string;
  /** Default: any free one. */
  port?: number;
  /** Server settings, over ours. An adopted server keeps those it was started with. */
  settings?: Record<string, string>;
  /** Sentences for a person who waits. */
  onProgress?: (message: string) => void;
  /** False makes initdb skip fsync: for clusters that need not survive a power cut. */
  sync?: boolean;
  /** Tests use it to play a machine that lacks them. */
  tools?: Tools;
};

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

/**
 * Starts, or adopts, the cluster that lives in `dataDir`; creates it the first time. Works as root too. A server left by a
 * killed process is adopted, a stale postmaster.pid survived. Two starts at once end with one server that both get, and
 * the first stop() ends it for both. Throws PortBusyError for a `port` that is taken, otherwise an Error that
 * says what to do or holds the log's path and last lines.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  // A symlink to a bigger disk is fine; initdb's folder must be renamed on that disk.
  const dataDir = await realpath(options.dataDir).catch(() => resolve(options.dataDir));
  const logFile = resolve(options.logFile ?? `${dataDir}.log`);
  await assertOwnable(dataDir);
  const { pid, port } = await bringUp({ onProgress: () => {}, ...options, dataDir, logFile });
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

type Wanted = PostgresOptions & { logFile: string; onProgress: (message: string) => void };

/** Looks, and launches when nothing runs, until a server is up: another starter may be at the same at any moment. */
async function bringUp(wanted: Wanted): Promise<{ pid: number; port: number }> {
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
  const runtime = await prepareRuntime(wanted.dataDir, wanted.tools ?? findTools());
  await createCluster(runtime, { ...wanted, sync: wanted.sync ?? true });
  return runtime;
}

/** Undefined: look again. */
async function launch(
  runtime: Runtime,
  wanted: Wanted,
  deadlineMs: number,
): Promise<{ pid: number; port: number } | undefined> {
  if (wanted.port !== undefined) await assertPortFree(wanted.port);
  const port = wanted.port ?? (await findFreePort());
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
