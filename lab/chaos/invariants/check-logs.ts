import { readFile } from "node:fs/promises";
import type { Violation } from "../ledger.ts";
import type { Stage } from "../stage/stage.ts";

/** Failures that belong to a dependency: no user may pay an attempt for them. */
const outageCodes = ["postgres.unavailable", "queue.unavailable", "clerk.unavailable", "clerk.rate_limited"];

/** What each process says of itself. */
export async function checkLogs(stage: Stage): Promise<Violation[]> {
  const found = await Promise.all(
    Object.values(stage.processes).map(async ({ name, logFile }) =>
      (await readFile(logFile, "utf8")).split("\n").flatMap((line) => checkLine(name, line)),
    ),
  );
  return found.flat();
}

function checkLine(name: string, line: string): Violation[] {
  if (!/"event":"(mentorado_creation_failed|user_deletion_failed)"/.test(line)) return [];
  const code = outageCodes.find((one) => line.includes(`"code":"${one}"`));
  const clerkId = /"clerkId":"([^"]*)"/.exec(line)?.[1];
  return code === undefined
    ? []
    : [{ invariant: "an outage costs no attempt", what: `${name} blamed a user for ${code}`, clerkId }];
}
