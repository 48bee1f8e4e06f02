export { listRecorded, type Sample, type SampleWindow } from "./alerts/evaluate-rule.ts";
export { type AlertStore, createEvaluator } from "./alerts/evaluator.ts";
export { type AlertRecord, type FiringRecord, viewAlerts, viewFirings } from "./alerts/next-record.ts";
export { type DeliveryRecord, viewDelivery } from "./alerts/notification.ts";
export { createRecorder } from "./alerts/recorder.ts";
export { watchEventLoop } from "./event-loop.ts";
export { createLogger, type Logger } from "./logger.ts";
export { createMetrics, type GaugeName, type GaugeReader, type GaugeValue, type Metrics } from "./metrics.ts";
export { createRedactor } from "./redact.ts";
export { startTelemetry } from "./telemetry/start-telemetry.ts";
export type { Telemetry } from "./telemetry/telemetry.ts";
export {
  type Attributes,
  formatTraceparent,
  inChildSpan,
  inSharedSpan,
  inSpan,
  isSampled,
  nameErrorType,
  parseTraceparent,
  type Span,
  type SpanContext,
  type SpanOptions,
  type Tracing,
} from "./tracing.ts";
