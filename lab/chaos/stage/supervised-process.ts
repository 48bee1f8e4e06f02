import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { callHttp } from "../../stage/http-call.ts";
import type { ProcessName } from "../plan/process-name.ts";

/** A span of time; `untilMs` is infinite while it lasts. */
export type Span = { fromMs: number; untilMs: number };

/** A process that is restarted whenever it ends, as an init system would do. */
export type SupervisedProcess = {
  readonly name: ProcessName;
  readonly url: string;
  readonly logFile: string;
  /** Undefined while it is down. */
  pid(): number | undefined;
  /** When our faults kept it dead, starting or frozen. No answer is expected then. */
  readonly away: readonly Span[];
  /** Exits that no fault of ours caused. */
  readonly unexpectedExits: readonly string[];
  kill(downMs: number): Promise<void>;
  /** For this many milliseconds, or until the promise settles. */
  freeze(until: number | Promise<unknown>): Promise<void>;
  untilAlive(timeoutMs: number): Promise<void>;
  /** Stops it for good. @returns a description of its exit, if that was not code 0 */
  stop(): Promise<string | undefined>;
};

type ProcessOptions = {
  name: ProcessName;
  entry: string;
  /** The command line that runs a program where the process belongs. */
  command: (program: string, args: readonly string[]) => [string, string[]];
  root: string;
  environment: Record<string, string>;
  url: string;
  logFile: string;
};

const aliveTimeoutMs = 60_000;
/** Without a delay, a process that exits at once would be restarted in a tight loop. */
const restartDelayMs = 500;
/** A process gives itself 20 s to stop. */
const stopTimeoutMs = 25_000;

export function superviseProcess(options: ProcessOptions): SupervisedProcess {
  const { name, url, logFile } = options;
  const away: Span[] = [];
  const unexpectedExits: string[] = [];
  let stopping = false;
  let child: ChildProcess | undefined;
  let killed = false;
  start();

  function start(): void {
    const log = openSync(logFile, "a");
    const [program, args] = options.command(process.execPath, [options.entry]);
    const started = spawn(program, args, {
      cwd: options.root,
      env: { PATH: process.env["PATH"] ?? "", ...options.environment },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    killed = false;
    child = started;
    const span = beginAway();
    void untilAlive(aliveTimeoutMs).then(
      () => endAway(span),
      () => undefined,
    );
    started.once("exit", (code, signal) => {
      if (child === started) child = undefined;
      if (stopping || killed) return;
      unexpectedExits.push(`${name} exited by itself with ${code ?? signal}`);
      setTimeout(() => {
        if (!stopping && !child) start();
      }, restartDelayMs);
    });
  }

  function beginAway(): Span {
    const span = { fromMs: Date.now(), untilMs: Number.POSITIVE_INFINITY };
    away.push(span);
    return span;
  }

  function endAway(span: Span): void {
    span.untilMs = Date.now();
  }

  async function untilAlive(timeoutMs: number): Promise<void> {
    const deadlineMs = Date.now() + timeoutMs;
    for (;;) {
      const alive = await callHttp(`${url}/healthz`, { timeoutMs: 1_000 }).then(
        ({ status }) => status === 200,
        () => false,
      );
      if (alive) return;
      if (Date.now() > deadlineMs) throw new Error(`${name} does not answer`);
      await sleep(50);
    }
  }

  return {
    name,
    url,
    logFile,
    away,
    unexpectedExits,
    pid: () => child?.pid,
    untilAlive,
    kill: async (downMs) => {
      const target = child;
      // A full sync's fault may kill the same process at this moment. Both would start it again, on one port.
      if (!target || killed) return;
      const span = beginAway();
      killed = true;
      const ended = once(target, "exit");
      target.kill("SIGKILL");
      await ended;
      await sleep(downMs);
      if (stopping) return;
      start();
      await untilAlive(aliveTimeoutMs);
      endAway(span);
    },
    freeze: async (until) => {
      // A wait that fails while the process is down must not end the run.
      const over = typeof until === "number" ? until : until.catch(() => undefined);
      const target = child;
      if (!target) return;
      const span = beginAway();
      target.kill("SIGSTOP");
      await (typeof over === "number" ? sleep(over) : over);
      target.kill("SIGCONT");
      // The process first answers the requests that arrived meanwhile.
      await untilAlive(aliveTimeoutMs);
      endAway(span);
    },
    stop: async () => {
      stopping = true;
      const last = child;
      if (!last) return undefined;
      const ended = once(last, "exit");
      last.kill("SIGTERM");
      const force = setTimeout(() => last.kill("SIGKILL"), stopTimeoutMs);
      const [code, signal] = await ended;
      clearTimeout(force);
      return code === 0 ? undefined : `${name} was stopped and exited with ${code ?? signal}`;
    },
  };
}
