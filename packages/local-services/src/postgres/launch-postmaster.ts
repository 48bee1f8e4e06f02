import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { CLEAN_ENV } from "./clean-environment.ts";
import { openLog, readLogFrom } from "./log-file.ts";
import { readPidFile } from "./pid-file.ts";
import type { Runtime } from "./prepare-runtime.ts";
import { speaksPostgres } from "./speaks-postgres.ts";

export type LaunchOutcome =
  | { kind: "ready"; pid: number }
  /** Another postmaster was quicker. */
  | { kind: "taken" }
  /** Children of a server that was killed still hold its memory; they leave within moments. */
  | { kind: "still-in-use" }
  | { kind: "port-busy" }
  | { kind: "failed"; reason: string };

type LaunchOptions = {
  dataDir: string;
  logFile: string;
  logFrom: number;
  port: number;
  settings: Record<string, string>;
  deadlineMs: number;
};

/** After SIGQUIT; a postmaster kills its own children 5 s after it. */
const GIVE_UP_MS = 10_000;

/**
 * Starts one postmaster and waits until it takes connections, dies, or `deadlineMs` (a time of day) passes; then it is
 * told to stop. Its own session and log file let it outlive us and our terminal unharmed.
 */
export async function launchPostmaster(runtime: Runtime, options: LaunchOptions): Promise<LaunchOutcome> {
  const log = await openLog(options.logFile);
  const [program = "", ...args] = [
    ...runtime.account.prefix,
    runtime.binaries.postgres,
    ...["-D", options.dataDir, "-c", `port=${options.port}`],
    ...Object.entries(options.settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
  const child = spawn(program, args, {
    cwd: "/",
    env: CLEAN_ENV,
    detached: true,
    stdio: ["ignore", log.fd, log.fd],
    ...runtime.account.ids,
  });
  const ended = endOf(child);
  child.unref();
  await log.close();
  return waitUntilReady(child, ended, options);
}

async function waitUntilReady(
  child: ChildProcess,
  ended: Promise<string>,
  options: LaunchOptions,
): Promise<LaunchOutcome> {
  let reason: string | undefined;
  void ended.then((how) => {
    reason = how;
  });
  while (Date.now() < options.deadlineMs) {
    if (reason !== undefined) return classify(reason, await readLogFrom(options.logFile, options.logFrom));
    const file = await readPidFile(options.dataDir);
    // unshare and setpriv replace themselves with Postgres, so its pid is the child's.
    const ours = typeof file === "object" && file.ready && file.pid === child.pid;
    if (ours && (await speaksPostgres(options.port))) return { kind: "ready", pid: file.pid };
    await sleep(20);
  }
  child.kill("SIGQUIT");
  await Promise.race([ended, sleep(GIVE_UP_MS)]);
  return { kind: "failed", reason: "it was not ready in time" };
}

function classify(reason: string, log: string): LaunchOutcome {
  // Stable texts: the server's messages are in the C locale.
  if (/lock file "postmaster\.pid" (already exists|is empty)/.test(log)) return { kind: "taken" };
  if (/pre-existing shared memory block/.test(log)) return { kind: "still-in-use" };
  if (/could not bind .*Address (already )?in use/.test(log)) return { kind: "port-busy" };
  return { kind: "failed", reason };
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(code === null ? `it got ${signal}` : `exit code ${code}`));
  });
}
