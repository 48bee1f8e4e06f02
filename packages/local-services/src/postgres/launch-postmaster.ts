import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { cleanEnvironment, openLog, readLogFrom } from "../server-process.ts";
import { readPidFile } from "./pid-file.ts";
import type { Runtime } from "./runtime.ts";

export type LaunchOutcome =
  | { kind: "ready"; pid: number }
  /** Another postmaster started first. */
  | { kind: "taken" }
  /** Children of a killed server still hold its shared memory for a moment. */
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

/** The wait after SIGQUIT; a postmaster kills its own children 5 s after it. */
const giveUpMs = 10_000;

/**
 * Starts one postmaster and waits until it takes connections or dies. When `deadlineMs` (a time of day) passes first, the
 * postmaster gets SIGQUIT. Its own session and log file let the server outlive this process and the terminal.
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
    env: cleanEnvironment,
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
    // unshare and setpriv replace themselves with Postgres, so the child's pid is the pid of Postgres.
    const ours = typeof file === "object" && file.ready && file.pid === child.pid;
    if (ours && (await speaksPostgres(options.port))) return { kind: "ready", pid: file.pid };
    await sleep(20);
  }
  child.kill("SIGQUIT");
  const giveUpAtMs = Date.now() + giveUpMs;
  while (reason === undefined && Date.now() < giveUpAtMs) await sleep(20);
  return { kind: "failed", reason: "it was not ready in time" };
}

function classify(reason: string, log: string): LaunchOutcome {
  // These texts are stable, because the server's messages are in the C locale.
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

/** The SSLRequest packet: its length, then a code that no protocol version uses. Every Postgres answers it with one byte. */
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** Whether a Postgres answers on 127.0.0.1:`port` within `timeoutMs`. Never throws. */
export function speaksPostgres(port: number, timeoutMs = 2_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => settle(false));
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
    socket.once("connect", () => socket.write(sslRequest));
    socket.once("data", (answer) => settle(answer[0] === 0x4e || answer[0] === 0x53));
  });
}
