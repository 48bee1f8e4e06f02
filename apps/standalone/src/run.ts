import { mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { liveDemoLife } from "./demo-life.ts";
import { layOutFacts } from "./facts-table.ts";
import { removeEarlierRuns } from "./fresh-start.ts";
import { createNarrator } from "./narrator.ts";
import type { PartStack } from "./part-stack.ts";
import type { Environment, Settings } from "./settings.ts";
import { StartError } from "./start-error.ts";
import { AlreadyRunningError, takeStartLock } from "./start-lock.ts";
import { type StartedSystem, startSystem } from "./start-system.ts";
import type { Terminal } from "./terminal.ts";

export type RunOptions = {
  settings: Settings;
  named: Environment;
  root: string;
  dir: string;
  /** `dir` as a person would write it from where they stand. */
  shownDir: string;
  fresh: boolean;
  terminal: Terminal;
  parts: PartStack;
  /** Aborted when everything is to stop. */
  signal: AbortSignal;
};

/**
 * Starts the whole system, says so, and tells what happens until `signal` is aborted. What was started stays on
 * `parts`, to be stopped by the caller.
 *
 * @throws StartError
 */
export async function run(options: RunOptions): Promise<void> {
  const { settings, terminal, parts, signal } = options;
  await mkdir(options.dir, { recursive: true, mode: 0o755 });
  const dir = await realpath(options.dir);
  const lock = await takeStartLock(join(dir, "running.lock")).catch((error: unknown) => {
    throw error instanceof AlreadyRunningError ? new StartError(explainRunning(error)) : error;
  });
  parts.push({ name: "lock", stop: lock.release, kill: lock.releaseNow });
  if (options.fresh) {
    terminal.write(`Beginning anew: removing ${options.shownDir}`);
    if (settings.databaseUrl !== undefined) terminal.write("The database of DATABASE_URL stays as it is");
    await removeEarlierRuns(dir);
  }

  let started: StartedSystem | undefined;
  const narrator = createNarrator({
    tell: terminal.tell,
    onProvisioned: (userId, cause) => started?.simulator?.noteProvisioning(userId, cause),
  });
  const say = (sentence: string) => (started ? terminal.tell("bad", sentence) : terminal.write(sentence));
  started = await startSystem({ ...options, dir, leftBehind: lock.leftBehind, narrator, say });
  signal.throwIfAborted();

  terminal.write(`\n${layOutFacts(started.facts)}`);
  for (const remark of settings.remarks) terminal.write(`Note: ${remark}\n`);
  terminal.write("ready");
  terminal.beginTelling();
  const { simulator, apiUrl } = started;
  if (simulator && settings.demo) void liveDemoLife({ simulatorUrl: simulator.url, apiUrl, signal });
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

function explainRunning({ message, pid }: AlreadyRunningError): string {
  return `${message}\nStop it first, with Ctrl-C where it runs or with: kill ${pid}`;
}
