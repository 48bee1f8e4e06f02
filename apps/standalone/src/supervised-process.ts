import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { WriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Say } from "./say.ts";
import type { Environment } from "./settings.ts";

export type ProcessOptions = {
  name: string;
  /** Path of the built entry point. */
  entry: string;
  environment: Environment;
  log: WriteStream;
  onLine(line: string): void;
  onMessage?(message: unknown): void;
  say: Say;
};

export type SupervisedProcess = {
  name: string;
  /** Resolves with how it ended, the first time that it ends. */
  failed: Promise<string>;
  /** The last lines it wrote, for a person who must find out why. */
  lastLines(): string[];
  send(message: object): void;
  stop(): Promise<void>;
  /** Without asking. */
  kill(): void;
};

const guard = fileURLToPath(new URL("./guard.js", import.meta.url));
const keptLines = 8;
const firstRetryMs = 1_000;
const longestRetryMs = 30_000;
/** One that lived this long starts again from the shortest wait. */
const soundAfterMs = 30_000;
const stopGraceMs = 15_000;

/** Starts a child and starts it again whenever it ends by itself, ever more slowly while it keeps failing. */
export function startProcess(options: ProcessOptions): SupervisedProcess {
  const lines: string[] = [];
  const stopping = new AbortController();
  let reportFailure: (how: string) => void = () => {};
  const failed = new Promise<string>((resolve) => {
    reportFailure = resolve;
  });
  let child = launch();
  const watching = watch();

  function launch(): ChildProcess {
    const launched = spawn(process.execPath, ["--import", guard, options.entry], {
      env: options.environment,
      // A process group of its own: Ctrl-C in a terminal reaches the supervisor alone, which stops the parts in order.
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    for (const stream of [launched.stdout, launched.stderr]) {
      if (stream) createInterface(stream).on("line", noteLine);
    }
    launched.on("message", (message) => options.onMessage?.(message));
    // A failed spawn or send shows as an exit as well.
    launched.on("error", (error) => noteLine(error.message));
    return launched;
  }

  function noteLine(line: string): void {
    lines.push(line);
    if (lines.length > keptLines) lines.shift();
    options.log.write(`${line}\n`);
    options.onLine(line);
  }

  async function watch(): Promise<void> {
    let retryMs = firstRetryMs;
    for (;;) {
      const startedAtMs = Date.now();
      const how = await endOf(child);
      if (stopping.signal.aborted) return;
      reportFailure(how);
      if (Date.now() - startedAtMs > soundAfterMs) retryMs = firstRetryMs;
      options.say(
        `The ${options.name} has ended (${how}); it is started again in ${retryMs / 1_000} s. Its log says more.`,
      );
      await sleep(retryMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      options.say(`Starting the ${options.name} again`);
      child = launch();
      retryMs = Math.min(retryMs * 2, longestRetryMs);
    }
  }

  const kill = () => {
    stopping.abort();
    child.kill("SIGKILL");
  };

  return {
    name: options.name,
    failed,
    lastLines: () => [...lines],
    send: (message) => {
      if (child.connected) child.send(message, () => undefined);
    },
    stop: async () => {
      stopping.abort();
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), stopGraceMs);
      await watching;
      clearTimeout(timer);
    },
    kill,
  };
}

async function endOf(child: ChildProcess): Promise<string> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
    await once(child, "close");
  return (
    child.signalCode ?? (child.pid === undefined ? "it could not be started" : `exit code ${child.exitCode}`)
  );
}
