import type { Logger, Telemetry } from "@rollcall/observability";
import { createReconcileContext, openServices, type Services } from "@rollcall/runtime";
import {
  createDeletionReader,
  createOrganizationContext,
  createRowReader,
  createUserReader,
  createUserWriter,
  type NotificationTarget,
  type OrganizationContext,
  type ReadLoad,
  type ReconcileContext,
  type SyncContext,
  syncUser,
} from "@rollcall/sync";
import type { WorkerConfig } from "./config.ts";
import { createOutageLog, type OutageLog } from "./outage.ts";

/** The services and settings of the worker's parts. The context is built once. */
export type WorkerContext = Services & {
  config: WorkerConfig;
  outages: OutageLog;
  sync: SyncContext;
  organizations: OrganizationContext;
  /** The users, organizations and memberships that jobs are reading at Clerk now. */
  readLoad: ReadLoad;
  reconcile: ReconcileContext;
  /** Undefined when the app takes no notifications. */
  notificationTarget: NotificationTarget | undefined;
};

/** Builds the context. It connects in the background, so the worker starts while a database is down. */
export function createWorkerContext(config: WorkerConfig, log: Logger, telemetry?: Telemetry): WorkerContext {
  const services = openServices(config, { program: "worker", log, telemetry });
  const { pool, sessionCache, autoCreate, tracing } = services;
  const reconcile = createReconcileContext(services, config);
  const readLoad = { usersInFlight: 0 };
  const sync: SyncContext = {
    pool,
    readRow: createRowReader(pool),
    readUser: createUserReader(reconcile.clerk, pool, { load: readLoad, tracing }),
    readDeleted: createDeletionReader(reconcile.clerk, tracing),
    writeUser: createUserWriter(pool, reconcile.defaults, tracing),
    sessionCache,
    autoCreate,
    tracing,
  };
  return {
    ...services,
    config,
    outages: createOutageLog(log),
    sync,
    organizations: createOrganizationContext(
      {
        pool,
        sessionCache,
        refreshUser: (clerkId, { cause, eventAtMs, delivery }, attempt) =>
          syncUser(sync, { v: 1, kind: "refresh", clerkId, cause, eventAtMs, delivery }, attempt),
      },
      reconcile.clerk,
      { load: readLoad, tracing },
    ),
    readLoad,
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
