import type { Logger, Telemetry } from "@rollcall/observability";
import { createReconcileContext, openServices, type Services } from "@rollcall/runtime";
import {
  createDeletionReader,
  createRowReader,
  createUserReader,
  createUserWriter,
  type NotificationTarget,
  type ReconcileContext,
  type SyncContext,
} from "@rollcall/sync";
import type { WorkerConfig } from "./config.ts";
import { createOutageLog, type OutageLog } from "./outage.ts";

/** The services and settings of the worker's parts. The context is built once. */
export type WorkerContext = Services & {
  config: WorkerConfig;
  outages: OutageLog;
  sync: SyncContext;
  reconcile: ReconcileContext;
  /** Undefined when the app takes no notifications. */
  notificationTarget: NotificationTarget | undefined;
};

/** Builds the context. It connects in the background, so the worker starts while a database is down. */
export function createWorkerContext(config: WorkerConfig, log: Logger, telemetry?: Telemetry): WorkerContext {
  const services = openServices(config, { program: "worker", log, telemetry });
  const { pool, sessionCache, autoCreate, tracing } = services;
  const reconcile = createReconcileContext(services, config);
  return {
    ...services,
    config,
    outages: createOutageLog(log),
    sync: {
      pool,
      readRow: createRowReader(pool),
      readUser: createUserReader(reconcile.clerk, pool, { tracing }),
      readDeleted: createDeletionReader(reconcile.clerk, tracing),
      writeUser: createUserWriter(pool, reconcile.defaults, tracing),
      sessionCache,
      autoCreate,
      tracing,
    },
    reconcile,
    notificationTarget: readNotificationTarget(config),
  };
}

function readNotificationTarget({
  MENTORADO_CREATED_URL: url,
  MENTORADO_CREATED_SECRET: secret,
}: WorkerConfig) {
  return url !== undefined && secret !== undefined ? { url, secret } : undefined;
}
