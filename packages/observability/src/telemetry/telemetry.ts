import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import type { Tracing } from "../tracing.ts";

/** Spans, log lines and metrics of a process, on their way to a collector. */
export type Telemetry = {
  tracing: Tracing;
  /** Sends a line of the log, as the logger writes it. */
  sendLogLine(line: string): void;
  /** Begins to send metrics, and to count and log what is lost. */
  connect(services: { log: Logger; metrics: Metrics }): void;
  /** Sends what waits, for at most 3 s. Then the rest is lost. */
  stop(): Promise<void>;
};
