import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { rename, stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { toPrintable } from "@rollcall/contracts";
import type { Say } from "../parts/part.ts";
import type { Environment } from "../settings.ts";

export type ProcessOptions = {
  name: string;
  /** Path of the built entry point. */
  entry: string;
  environment: Environment;
  logFile: string;
  onLine?(line: string): void;
  onMessage?(message: unknown): void;
  say: Say;
};

export type SupervisedProcess = {
  name: string;
  /** Resolves with the exit code or signal of its first end. */
  failed: Promise<string>;
  /** Its last lines of output, to find the cause of an end. */
  lastLines(): string[];
  send(message: object): void;
  stop(): Promise<void>;
  /** Ends it at once, without waiting. */
  kill(): void;
};

const guard = fileURLToPath(new URL("./guard.js", import.meta.url));
const keptLines = 8;
const firstRetryMs = 1_000;
const longestRetryMs = 30_000;
/** After this time the next restart waits the shortest time again. */
const stableAfterMs = 30_000;
const stopGraceMs = 15_000;

/** Starts a child process, and restarts it whenever it ends by itself. The waits grow while it keeps failing. */
export async function startProcess(options: ProcessOptions): Promise<SupervisedProcess> {
  const log = await openLogFile(options.logFile);
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
      // A process group of its own: Ctrl-C in a terminal reaches only this supervisor, which stops the parts in order.
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    for (const stream of [launched.stdout, launched.stderr]) {
      if (stream) createInterface(stream).on("line", noteLine);
    }
    launched.on("message", (message) => options.onMessage?.(message));
    // A failed spawn or send also ends the child, and `watch` handles that.
    launched.on("error", (error) => noteLine(error.message));
    return launched;
  }

  function noteLine(line: string): void {
    const printable = toPrintable(line);
    lines.push(printable);
    if (lines.length > keptLines) lines.shift();
    log.write(`${printable}\n`);
    options.onLine?.(line);
  }

  async function watch(): Promise<void> {
    let retryMs = firstRetryMs;
    for (;;) {
      const startedAtMs = Date.now();
      const how = await endOf(child);
      if (stopping.signal.aborted) return;
      reportFailure(how);
      if (Date.now() - startedAtMs > stableAfterMs) retryMs = firstRetryMs;
      options.say(
        `The ${options.name} has ended (${how}). It is restarted in ${retryMs / 1_000} s. The cause is in ${options.logFile}`,
      );
      await sleep(retryMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      options.say(`Restarting the ${options.name}`);
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

const largestLogBytes = 10 * 1024 * 1024;

/** Opens a log to append to. A large log is first renamed to `….1`, which replaces the older one. */
async function openLogFile(path: string): Promise<WriteStream> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > largestLogBytes) await rename(path, `${path}.1`);
  const stream = createWriteStream(path, { flags: "a" });
  // With a full disk the system runs on without its logs.
  stream.on("error", () => undefined);
  return stream;
}
