import { nameNetworkFailure } from "@rollcall/contracts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import type { Signal } from "./settings.ts";

const logEveryMs = 60_000;

export type Losses = {
  /** @param error of the request; undefined when it was not sent, because the queue was full */
  add(signal: Signal, records: number, error?: unknown): void;
  connect(services: { log: Logger; metrics: Metrics }): void;
};

/** Counts what does not reach the collector, and logs it at most once a minute. */
export function createLosses(problems: readonly string[]): Losses {
  let services: { log: Logger; metrics: Metrics } | undefined;
  let loggedAtMs = Number.NEGATIVE_INFINITY;
  let unlogged: Partial<Record<Signal, number>> = {};
  let reason = "full";
  return {
    add: (signal, records, error) => {
      // A full queue is the consequence of requests that failed.
      if (error !== undefined) reason = nameReason(error);
      services?.metrics.count("rollcall_telemetry_lost_total", { signal }, records);
      unlogged[signal] = (unlogged[signal] ?? 0) + records;
      if (!services || performance.now() - loggedAtMs < logEveryMs) return;
      loggedAtMs = performance.now();
      services.log.warn(
        { event: "telemetry_lost", ...unlogged, reason },
        "The collector of telemetry is away, slow or full",
      );
      unlogged = {};
    },
    connect: (given) => {
      services = given;
      for (const problem of problems) given.log.warn({ event: "telemetry_misconfigured" }, problem);
    },
  };
}

/** A status of HTTP, or the code of an error. The collector's own text stays out. */
function nameReason(error: unknown): string {
  const status = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof status === "number") return String(status);
  // The SDK's error after its retries, without the status.
  if (error instanceof Error && error.name === "OTLPExporterError") return "429, 502, 503 or 504";
  return nameNetworkFailure(error);
}
