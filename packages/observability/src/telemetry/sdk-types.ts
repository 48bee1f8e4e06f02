/** Seconds and nanoseconds, as OpenTelemetry's SDK keeps times. */
export type Time = [seconds: number, nanoseconds: number];

/** @param ms since the epoch */
export function toTime(ms: number): Time {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1e6)];
}

/** The part of the program that makes the records. */
export type InstrumentationScope = { name: string; version: string };
