import type { IncomingHttpHeaders } from "node:http";
import type { Logger } from "@rollcall/observability";

/** Any caller can send the header once, so one occurrence is reported for an hour and not for ever. */
const rememberMs = 60 * 60_000;

/** Finds out whether a proxy stands before a process that trusts none: all of its callers then have one address. */
export type ForwardedHeaderWatch = {
  note(headers: IncomingHttpHeaders): void;
  /** Whether `X-Forwarded-For` came within the last hour although TRUST_PROXY is unset. */
  wasSeen(): boolean;
};

export function watchForwardedHeader(log: Logger, trustProxy: string | undefined): ForwardedHeaderWatch {
  let seenAtMs: number | undefined;
  return {
    note: (headers) => {
      if (trustProxy !== undefined || headers["x-forwarded-for"] === undefined) return;
      if (seenAtMs === undefined) {
        log.warn(
          { event: "forwarded_header_ignored" },
          "X-Forwarded-For is ignored, because TRUST_PROXY is unset: callers behind a proxy share one limit",
        );
      }
      seenAtMs = performance.now();
    },
    wasSeen: () => seenAtMs !== undefined && performance.now() - seenAtMs < rememberMs,
  };
}
