export { createAlertStore, startAlerts } from "./alerts.ts";
export { decideConnections } from "./connection-limits.ts";
export { createGaugeReaders, webhooksConfigured } from "./gauges.ts";
export { registerHealthRoutes } from "./health-routes.ts";
export { isSameSecret, registerMetricsRoute } from "./metrics-route.ts";
export { openQueueBackend } from "./open-queue-backend.ts";
export { createReconcileContext, openServices, type Services } from "./open-services.ts";
export { startPeriodicTask } from "./periodic-task.ts";
export { type RunningProgram, runProcess } from "./run-process.ts";
