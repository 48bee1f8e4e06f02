import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readPidFile } from "./pid-file.ts";
import { isPostmasterOf } from "./process-identity.ts";
import { removeUnfinished } from "./unfinished-folders.ts";

/** Fast: Postgres rolls open transactions back and writes everything. Immediate: the next start recovers. */
export type StopMode = "fast" | "immediate";

const fastMs = 30_000;
/** A postmaster kills its own children 5 s after SIGQUIT. */
const immediateMs = 15_000;

/** Ends the postmaster of `dataDir` and waits until it is gone. Does nothing when `pid` is no longer that server. */
export async function stopPostmaster(pid: number, dataDir: string, mode: StopMode): Promise<void> {
  const steps: [NodeJS.Signals, number][] = [["SIGQUIT", immediateMs]];
  if (mode === "fast") steps.unshift(["SIGINT", fastMs]);
  for (const [signal, waitMs] of steps) {
    if (!(await isPostmasterOf(pid, dataDir))) return;
    process.kill(pid, signal);
    if (await isGoneWithin(pid, dataDir, waitMs)) return;
  }
  throw new Error(`Postgres (process ${pid}) does not stop; end it with: kill -9 ${pid}`);
}

/**
 * Removes the cluster at `dataDir` and its default log. A server that a killed process left running there is ended first.
 * Does nothing when there is no cluster. Throws when the server does not stop.
 */
export async function removePostgres(dataDir: string): Promise<void> {
  const path = resolve(dataDir);
  const file = await readPidFile(path).catch(() => undefined);
  if (typeof file === "object") await stopPostmaster(file.pid, path, "immediate");
  await rm(path, { recursive: true, force: true });
  await rm(`${path}.log`, { force: true });
  await removeUnfinished(path).catch(() => undefined);
}

async function isGoneWithin(pid: number, dataDir: string, waitMs: number): Promise<boolean> {
  const deadlineMs = Date.now() + waitMs;
  while (Date.now() < deadlineMs) {
    if (!(await isPostmasterOf(pid, dataDir))) return true;
    await sleep(20);
  }
  return false;
}
