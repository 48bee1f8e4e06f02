import { open, readFile } from "node:fs/promises";
import { nameProfileEvent } from "@rollcall/contracts";
import type { Violation } from "../ledger.ts";
import type { Setup } from "../plan/plan.ts";
import type { Stage } from "../stage/stage.ts";

/** Failures of a dependency. They must burn no attempt of a user. */
const outageCodes = ["postgres.unavailable", "queue.unavailable", "clerk.unavailable", "clerk.rate_limited"];

/** Finds failures that were counted for a user, and that an outage caused. */
export async function checkLogs(stage: Stage): Promise<Violation[]> {
  const failures = [nameProfileEvent("creation_failed", stage.app.names.profileName), "user_deletion_failed"];
  const found = await Promise.all(
    Object.values(stage.processes).map(async ({ name, logFile }) =>
      (await readFile(logFile, "utf8")).split("\n").flatMap((line) => checkLine(name, failures, line)),
    ),
  );
  return found.flat();
}

function checkLine(name: string, failures: readonly string[], line: string): Violation[] {
  if (!failures.some((event) => line.includes(`"event":"${event}"`))) return [];
  const code = outageCodes.find((one) => line.includes(`"code":"${one}"`));
  const clerkId = /"clerkId":"([^"]*)"/.exec(line)?.[1];
  return code === undefined
    ? []
    : [
        {
          invariant: "an outage costs no attempt",
          detail: `${name} counted as a user's failure: ${code}`,
          clerkId,
        },
      ];
}

/**
 * Errors that our faults provoke: timeouts of statements and locks, deadlocks and serialization failures (which are
 * retried), ended connections and servers. With BM001, BullMQ refuses a worker that woke after another had taken its job.
 */
const provoked = new Set([
  "57014",
  "55P03",
  "40P01",
  "40001",
  "57P01",
  "57P02",
  "57P03",
  "25P03",
  "08006",
  "08003",
  "BM001",
]);

/** What the faults of a setup provoke too. A replica refuses writes. */
const provokedIn: Readonly<Record<Setup, readonly string[]>> = {
  single: [],
  replica: ["25006"],
  "sync-replica": ["25006"],
};

/** Any other refused statement is a bug of ours, even if a retry succeeds. */
export async function checkPostgresLog(logFile: string, from: number, setup: Setup): Promise<Violation[]> {
  const log = await readFrom(logFile, from);
  return log.split("\n").flatMap((line) => {
    const [, state, text] =
      /^\S+ \S+ \S+ \[\d+\] (\w{5}) (?:rollcall-\w+|ensure|sync) \| ERROR: {2}(.*)/.exec(line) ?? [];
    return state === undefined || provoked.has(state) || provokedIn[setup].includes(state)
      ? []
      : [{ invariant: "Postgres refuses no statement of ours", detail: `${state} ${text}` }];
  });
}

async function readFrom(file: string, from: number): Promise<string> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const bytes = Buffer.alloc(Math.max(0, size - from));
    await handle.read(bytes, 0, bytes.length, from);
    return bytes.toString("utf8");
  } finally {
    await handle.close();
  }
}
