import { mkdir, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { assertOwnable, findTools, type Tools } from "./account.ts";
import { bringUp } from "./bring-up.ts";
import { readPassword } from "./create-cluster.ts";
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

/**
 * Starts, or adopts, the cluster that lives in `dataDir`; creates it the first time. Works as root too. A server left by a
 * killed process is adopted, a stale postmaster.pid survived. Two starts at once end with one server that both get, and
 * the first stop() ends it for both. Throws PortBusyError for a `port` that is taken, otherwise an Error that
 * says what to do or holds the log's path and last lines.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const dataDir = await locate(options.dataDir);
  const logFile = resolve(options.logFile ?? `${dataDir}.log`);
  await assertOwnable(dataDir);
  const {
    port: wantedPort,
    settings = {},
    sync = true,
    tools = findTools(),
    onProgress = () => {},
  } = options;
  const wanted = { dataDir, logFile, port: wantedPort, settings, sync, tools, onProgress };
  const { pid, port } = await bringUp(wanted);
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

/** The path without symlinks: a server is known by it. The folder may be a link to a bigger disk; initdb renames there. */
async function locate(dataDir: string): Promise<string> {
  const path = resolve(dataDir);
  await mkdir(dirname(path), { recursive: true });
  return realpath(path).catch(async () => join(await realpath(dirname(path)), basename(path)));
}
