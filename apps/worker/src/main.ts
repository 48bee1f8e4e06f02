import { listSecrets } from "@rollcall/contracts";
import { createLogger, startTelemetry } from "@rollcall/observability";
import {
  createHttpServer,
  createRefusalLimit,
  listen,
  markStart,
  registerHealthRoutes,
  registerMetricsRoute,
  runProcess,
  startAlerts,
  startSchemaCheck,
} from "@rollcall/runtime";
import { limitHeapGrowth } from "@rollcall/sync";
import { startBackgroundTasks, startHeartbeat } from "./background-tasks.ts";
import { readWorkerConfig } from "./config.ts";
import { createWorkerContext } from "./context.ts";
import { startReconcileWorker } from "./reconcile-worker.ts";
import { startSyncWorker } from "./sync-worker.ts";

const secrets = listSecrets(process.env);

/** Probes and monitoring. docs/SECURITY.md names the number. */
const mostConnections = 200;

await runProcess("worker", secrets, async () => {
  limitHeapGrowth();
  const config = readWorkerConfig(process.env);
  const telemetry = await startTelemetry(process.env, "worker");
  const log = createLogger({ level: config.LOG_LEVEL, process: "worker", secrets, telemetry });
  const context = createWorkerContext(config, log, telemetry);
  const app = await createHttpServer(
    { ...context, refusalLimit: createRefusalLimit() },
    { mostConnections, isNeverLimited: (route) => route === "/healthz" || route === "/readyz" },
  );
  registerHealthRoutes(app, context, { listsWorker: false });
  registerMetricsRoute(app, context, config.METRICS_TOKEN);
  const url = await listen(app, {
    host: config.HOST,
    port: config.WORKER_PORT,
    portVariable: "WORKER_PORT",
  });
  const workers = [
    startSyncWorker(context, "ensure"),
    startSyncWorker(context, "sync"),
    startReconcileWorker(context),
  ];
  const stopTasks = startBackgroundTasks(context);
  const stopSchemaCheck = startSchemaCheck(context);
  const stopMark = markStart(context, "worker");
  const stopHeartbeat = startHeartbeat(context);
  const stopAlerts = startAlerts({ ...context, webhookUrl: config.ALERT_WEBHOOK_URL });
  log.info({ url }, "Working");
  const stop = async () => {
    const tasksStopped = stopTasks();
    await Promise.allSettled(workers.map((worker) => worker.close()));
    await tasksStopped;
    await stopMark();
    await stopHeartbeat();
    await stopSchemaCheck();
    await stopAlerts();
    await app.close();
    await context.close();
  };
  return { log, stop };
});
