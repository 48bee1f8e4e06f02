import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import type { Signal } from "./settings.ts";

const logEveryMs = 60_000;

export type Losses = {
  add(signal: Signal, records: number): void;
  connect(services: { log: Logger; metrics: Metrics }): void;
};

/** Counts what does not reach the collector, and logs it at most once a minute. */
export function createLosses(problems: readonly string[]): Losses {
  let services: { log: Logger; metrics: Metrics } | undefined;
  let loggedAtMs = Number.NEGATIVE_INFINITY;
  let unlogged: Partial<Record<Signal, number>> = {};
  return {
    add: (signal, records) => {
      services?.metrics.count("rollcall_telemetry_lost_total", { signal }, records);
      unlogged[signal] = (unlogged[signal] ?? 0) + records;
      if (!services || performance.now() - loggedAtMs < logEveryMs) return;
      loggedAtMs = performance.now();
      services.log.warn(
        { event: "telemetry_lost", ...unlogged },
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
