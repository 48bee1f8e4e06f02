export type { AlertRecord } from "./alerts/alert-record.ts";
export { type Figures, judge, listRecorded, listWindows } from "./alerts/evaluate-rule.ts";
export { decideNext, viewAlerts } from "./alerts/next-record.ts";
export { findPendingNotification, markSent, sendAlertNotification } from "./alerts/notification.ts";
export type { Sample, SampleWindow } from "./alerts/sample.ts";
export { type EventLoopWatch, watchEventLoop } from "./event-loop.ts";
export { createLogger, type Logger } from "./logger.ts";
export { createMetrics, type GaugeName, type Metrics } from "./metrics.ts";
