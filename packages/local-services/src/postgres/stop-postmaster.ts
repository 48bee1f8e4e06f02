import { setTimeout as sleep } from "node:timers/promises";
import { isPostmasterOf } from "./process-identity.ts";

/** Fast: open transactions are rolled back, everything is written. Immediate: recovery at the next start. */
export type StopMode = "fast" | "immediate";

const FAST_MS = 30_000;
/** A postmaster kills its own children 5 s after SIGQUIT. */
const IMMEDIATE_MS = 15_000;

/** Ends the postmaster of `dataDir` and waits until it is gone. Does nothing when `pid` is no longer that server. */
export async function stopPostmaster(pid: number, dataDir: string, mode: StopMode): Promise<void> {
  const steps: [NodeJS.Signals, number][] = [["SIGQUIT", IMMEDIATE_MS]];
  if (mode === "fast") steps.unshift(["SIGINT", FAST_MS]);
  for (const [signal, waitMs] of steps) {
    if (!(await isPostmasterOf(pid, dataDir))) return;
    process.kill(pid, signal);
    if (await isGoneWithin(pid, dataDir, waitMs)) return;
  }
  throw new Error(`Postgres (process ${pid}) does not stop; end it with: kill -9 ${pid}`);
}

async function isGoneWithin(pid: number, dataDir: string, waitMs: number): Promise<boolean> {
  const deadlineMs = Date.now() + waitMs;
  while (Date.now() < deadlineMs) {
    if (!(await isPostmasterOf(pid, dataDir))) return true;
    await sleep(20);
  }
  return false;
}
