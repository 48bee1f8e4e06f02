import { readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { findPostmaster } from "../../stage/postgres.ts";
import { readParent } from "../../stage/process-usage.ts";
import type { Stage } from "../stage/stage.ts";

/** Stops every process of Rollcall, Redis and Postgres at once, as a suspended machine does, and lets all of them go on. */
export async function standStill({ processes, redis, databaseUrl }: Stage, forMs: number): Promise<void> {
  const thaw = await freezePostgres(databaseUrl);
  const until = sleep(forMs).then(thaw);
  await Promise.all([
    until,
    redis?.freeze(forMs),
    ...Object.values(processes).map((process) => process.freeze(until)),
  ]);
}

/** The server stops before its children, so that it makes no new ones. @returns lets all of them go on */
async function freezePostgres(databaseUrl: string): Promise<() => Promise<void>> {
  const server = await findPostmaster(databaseUrl);
  process.kill(server, "SIGSTOP");
  const stopped = [server];
  for (const pid of await listChildren(server)) if (signal(pid, "SIGSTOP")) stopped.push(pid);
  return async () => {
    for (const pid of stopped.reverse()) signal(pid, "SIGCONT");
  };
}

async function listChildren(parent: number): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = await Promise.all(pids.map((pid) => readParent(pid).catch(() => undefined)));
  return pids.filter((_, index) => parents[index] === parent);
}

/** @returns false if the process has ended */
function signal(pid: number, name: "SIGSTOP" | "SIGCONT"): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
