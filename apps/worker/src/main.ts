import { EnvironmentError } from "@rollcall/contracts";
import { createLogger } from "@rollcall/observability";
import { createGaugeReaders, startAlerts } from "@rollcall/runtime";
import { limitHeapGrowth } from "@rollcall/sync";
import { readWorkerConfig, type WorkerConfig } from "./config.ts";
import { createWorkerContext } from "./context.ts";
import { startDeadLetterMover } from "./dead-letter-mover.ts";
import { startHeartbeat } from "./heartbeat.ts";
import { buildProbes } from "./probes.ts";
import { startNotificationRelay } from "./process-notification-job.ts";
import { startEventPruning } from "./prune-events.ts";
import { startReconcile } from "./reconcile.ts";
import { startSyncWorker } from "./sync-worker.ts";

/** Longer than a job or a request takes; a second signal ends the process at once. */
const longestStopMs = 20_000;

async function main(config: WorkerConfig): Promise<void> {
  limitHeapGrowth();
  const log = createLogger({ level: config.LOG_LEVEL, process: "worker" });
  const context = createWorkerContext(config, log);
  const probes = buildProbes(context);
  const url = await probes.listen({ host: config.HOST, port: config.WORKER_PORT });
  const workers = [startSyncWorker(context, "ensure"), startSyncWorker(context, "sync")];
  const stopTasks = [
    startDeadLetterMover(context),
    startNotificationRelay(context),
    startEventPruning(context),
  ];
  const reconcile = startReconcile(context);
  const stopHeartbeat = startHeartbeat(context);
  const figures = createGaugeReaders(context.pool, context.backend);
  const stopAlerts = startAlerts({ ...context, figures, webhookUrl: config.ALERT_WEBHOOK_URL });
  log.info({ url }, "Working");

  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    // A queue whose database is away or frozen never closes; what it holds is run again by somebody else.
    setTimeout(() => process.exit(1), longestStopMs).unref();
    log.info({ signal }, "Stopping: finishing active jobs, taking no new ones");
    for (const stopTask of stopTasks) stopTask();
    await Promise.allSettled([...workers, reconcile].map((worker) => worker.close()));
    await stopHeartbeat();
    await stopAlerts();
    await probes.close();
    await context.close();
    process.exit(0);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

try {
  await main(readWorkerConfig(process.env));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? explain(error) : "The worker did not start"}\n`);
  process.exit(1);
}

function explain(error: Error): string {
  if (error instanceof EnvironmentError) return error.message;
  if ("code" in error && error.code === "EADDRINUSE")
    return "The port is in use: set WORKER_PORT to another one";
  return `The worker did not start: ${error.message}`;
}
