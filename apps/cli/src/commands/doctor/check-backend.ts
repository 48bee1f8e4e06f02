import { variables } from "@rollcall/contracts";
import type { QueueBackend } from "@rollcall/jobs";
import { openQueueBackend } from "@rollcall/runtime";
import type { Environment } from "../../cli.ts";
import { type Finding, ok, unknown, wrong } from "./finding.ts";

const name = "queues.backend";

/**
 * With REDIS_URL set, finds jobs that wait in Postgres' queues. They got there from a process without that variable, or
 * before it was set. No worker with REDIS_URL runs them.
 */
export async function checkBackend(environment: Environment): Promise<Finding[]> {
  if (!environment["REDIS_URL"]?.trim()) return [];
  const databaseUrl = variables.DATABASE_URL.safeParse(environment["DATABASE_URL"]).data;
  if (databaseUrl === undefined) return [];
  const backend = openQueueBackend({ redisNodes: undefined, databaseUrl, max: 2, onError: () => undefined });
  try {
    await backend.reachable();
    const left = await countLeft(backend);
    return [
      left === 0
        ? ok(name, "Redis, and no job waits in Postgres.")
        : wrong(
            name,
            `REDIS_URL is set here, but ${left} job(s) wait in Postgres' queues.`,
            "Set REDIS_URL alike for api, worker and CLI; run a worker without it until those jobs are done.",
          ),
    ];
  } catch {
    return [unknown(name, "Postgres' queues could not be read.")];
  } finally {
    await backend.close();
  }
}

async function countLeft(backend: QueueBackend): Promise<number> {
  let left = 0;
  for (const queueName of ["ensure", "sync"] as const) {
    const queue = backend.createQueue(queueName);
    // The same failure rejects the request below.
    queue.on("error", () => undefined);
    const { waiting = 0, active = 0, delayed = 0, failed = 0 } = await queue.getJobCounts();
    left += waiting + active + delayed + failed;
    await queue.close();
  }
  return left;
}
