import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../../tests/harness/wait-for.ts";
import type { OuterFaultSpec } from "../plan/outer-faults.ts";
import type { Stage } from "../stage/stage.ts";
import { lockAppTable, migrateAppTables, truncateAppCache, writeAppRows } from "./app-faults.ts";
import { confuseNames, cutOneWay, losePackets } from "./network-faults.ts";
import { revokeRight } from "./revoke.ts";
import { standStill } from "./standstill.ts";

/** Injects a fault, undoes it after `forMs`, and records when it began and ended. */
export async function injectOuterFault(stage: Stage, spec: OuterFaultSpec, forMs: number): Promise<void> {
  const span = { fault: spec, fromMs: Date.now(), untilMs: Number.POSITIVE_INFINITY };
  stage.outerSpans.push(span);
  try {
    await inject(stage, spec, forMs);
  } finally {
    span.untilMs = Date.now();
  }
}

async function inject(stage: Stage, spec: OuterFaultSpec, forMs: number): Promise<void> {
  switch (spec.fault) {
    case "clerk-stale": {
      const { faults } = stage.clerk;
      const id = await faults.add({ kind: "stale", reads: "lists", share: spec.share });
      await sleep(forMs);
      return faults.remove(id);
    }
    case "app-lock":
      return lockAppTable(stage, spec.table, forMs);
    case "app-truncate":
      return truncateAppCache(stage, forMs);
    case "app-migrate":
      return migrateAppTables(stage, forMs);
    case "app-write":
      return writeAppRows(stage, forMs);
    case "revoke":
      return revokeRight(stage, spec.right, forMs);
    case "clock": {
      const clock = stage.clocks?.[spec.process];
      if (!clock) throw new Error("no libfaketime here");
      clock.jump(spec.minutes * 60);
      await sleep(forMs);
      clock.jump(0);
      return untilClockIsRight(stage.processes[spec.process].url);
    }
    case "standstill":
      return standStill(stage, forMs);
    case "one-way":
      return cutOneWay(stage, spec.process, spec.direction, forMs);
    case "packet-loss":
      return losePackets(stage, spec.process, forMs);
    case "names":
      return confuseNames(stage, spec.process, spec, forMs);
    default:
      return spec satisfies never;
  }
}

/** Faults of the process itself may take as long. */
const clockTimeoutMs = 60_000;
const rightMs = 5_000;

/** A process reads its clock file again after a second. It may be frozen or dead until then. */
async function untilClockIsRight(url: string): Promise<void> {
  await waitFor(
    "a right clock",
    async () => {
      const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1_000) });
      await answer.text();
      return Math.abs(Date.parse(answer.headers.get("date") ?? "") - Date.now()) < rightMs || undefined;
    },
    clockTimeoutMs,
  );
}
