import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { callHttp } from "./http-call.ts";

/** An api or a worker as in production: built JavaScript, with its log in a file. */
export type AppProcess = {
  readonly pid: number;
  readonly url: string;
  readonly logFile: string;
  /** From the start of the process until its first answer that it is ready. */
  readonly readyAfterMs: number;
  stop(): Promise<void>;
};

export type AppProcessOptions = {
  entry: string;
  /** The URL on which it will listen. */
  url: string;
  environment: Record<string, string>;
  logFile: string;
  /** The folder for V8's CPU profile, which is written when the process ends. */
  profileDir?: string | undefined;
};

const readyTimeoutMs = 60_000;
const pollMs = 5;
/** A process takes up to 20 s to stop. */
const stopTimeoutMs = 25_000;

/** Starts a process and waits until `/readyz` answers 200. @throws Error that names the log, if it never does */
export async function startAppProcess(options: AppProcessOptions): Promise<AppProcess> {
  const { entry, url, environment, logFile, profileDir } = options;
  const log = openSync(logFile, "a");
  const startedAtMs = performance.now();
  const profiling = profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`];
  const child = spawn(process.execPath, [...profiling, entry], {
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  const stop = async () => {
    if (hasEnded()) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    await ended;
    clearTimeout(force);
  };
  for (;;) {
    const ready = await callHttp(`${url}/readyz`, { timeoutMs: 2_000 }).then(
      ({ status }) => status === 200,
      () => false,
    );
    const readyAfterMs = performance.now() - startedAtMs;
    if (ready && child.pid !== undefined) return { pid: child.pid, url, logFile, readyAfterMs, stop };
    if (hasEnded() || readyAfterMs > readyTimeoutMs) {
      await stop();
      throw new Error(`${entry} did not become ready; its log is ${logFile}`);
    }
    await sleep(pollMs);
  }
}
