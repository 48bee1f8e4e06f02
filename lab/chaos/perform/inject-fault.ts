import { setTimeout as sleep } from "node:timers/promises";
import type { Fault, Plan, Trouble } from "../plan/plan.ts";
import type { Stage } from "../stage/stage.ts";
import { withClient } from "../stage/with-client.ts";
import { disturbFullSync } from "./disturb-full-sync.ts";

/** Faults that could not be done, since what they need was down at that moment: told, not judged. */
export type Faults = { struck: number; missed: string[] };

/** Does to the stage what the plan says. Returns when all is undone again. */
export async function disturbAll(stage: Stage, plan: Plan, startedAtMs: number): Promise<Faults> {
  const faultsInjected: Faults = { struck: 0, missed: [] };
  await Promise.all(
    plan.faults.map(async (fault) => {
      await sleep(Math.max(0, startedAtMs + fault.atMs - Date.now()));
      try {
        await injectFault(stage, fault, fault.forMs);
        faultsInjected.struck += 1;
      } catch (error) {
        faultsInjected.missed.push(
          `${describeFault(fault)}: ${error instanceof Error ? error.message : error}`,
        );
      }
    }),
  );
  return faultsInjected;
}

/** A line for people. */
export function describeFault({ atMs, forMs, ...trouble }: Fault): string {
  return `${String(atMs).padStart(6)} ms  ${Object.values(trouble).join(" ")} for ${forMs} ms`;
}

async function injectFault(stage: Stage, trouble: Trouble, forMs: number): Promise<void> {
  switch (trouble.fault) {
    case "kill":
      return stage.processes[trouble.process].kill(forMs);
    case "freeze":
      return stage.processes[trouble.process].freeze(forMs);
    case "redis-kill":
      return stage.redis?.kill(forMs);
    case "redis-freeze":
      return stage.redis?.freeze(forMs);
    case "redis-full":
      return stage.redis?.fill(trouble.share, forMs);
    case "postgres-crash":
      return stage.cluster.crash(forMs);
    case "postgres-terminate":
      return askDatabase(stage, 0, [terminateOthers]);
    case "postgres-lock-table":
      return askDatabase(stage, forMs, ["begin", "lock table public.users in share row exclusive mode"]);
    case "postgres-lock-rows": {
      const everyNth = Math.max(1, Math.round(1 / trouble.share));
      return askDatabase(stage, forMs, [
        "begin",
        `select from public.users where id % ${everyNth} = 0 for update`,
      ]);
    }
    case "half-open":
      return stage.proxy(trouble.process, trouble.service)?.blackhole();
    case "reset":
      return stage.proxy(trouble.process, trouble.service)?.reset();
    case "delay": {
      const proxy = stage.proxy(trouble.process, trouble.service);
      proxy?.delay(trouble.longestMs);
      await sleep(forMs);
      return proxy?.delay(0);
    }
    case "clerk": {
      const { kind, share } = trouble;
      const id = await stage.clerk.faults.add(
        kind === "latency" ? { kind, share, ms: 1_500 } : { kind, share },
      );
      await sleep(forMs);
      return stage.clerk.faults.remove(id);
    }
    case "sweep":
      return disturbFullSync(stage, trouble.meanwhile, forMs);
    default:
      return trouble satisfies never;
  }
}

const terminateOthers =
  "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";

/** Statements on a connection of their own, which then stays open, with its locks, for a while. */
function askDatabase(stage: Stage, forMs: number, statements: readonly string[]): Promise<void> {
  return withClient(stage.databaseUrl, async (client) => {
    for (const statement of statements) await client.query(statement);
    await sleep(forMs);
  });
}
