export { createEvaluator } from "./alerts/evaluator.ts";
export { type AlertsOptions, startAlerts } from "./alerts/start-alerts.ts";
export { createGaugeReaders, type GaugeReader, webhooksConfigured } from "./gauges.ts";
export { createQueueLog } from "./queue-log.ts";
