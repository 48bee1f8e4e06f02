import type { Call, Ledger, Violation } from "../ledger.ts";
import type { OuterFaultSpec, OuterSpan, Right } from "../plan/outer-faults.ts";

type Span = { fromMs: number; untilMs: number };

/** The spans of one kind of fault. */
function spansOf(spans: readonly OuterSpan[], kind: OuterFaultSpec["fault"]): OuterSpan[] {
  return spans.filter(({ fault }) => fault.fault === kind);
}

/**
 * The ledger without work that Clerk's stale answers may have ended too early: a job that read an older version, or no user
 * yet, is done. Reconcile heals that later, and the last check compares every row.
 */
export function withoutStaleWork(ledger: Ledger, spans: readonly OuterSpan[]): Ledger {
  return { ...ledger, acceptances: withoutStale(ledger.acceptances, spans) };
}

export function withoutStale<T extends { atMs: number }>(
  accepted: readonly T[],
  spans: readonly OuterSpan[],
): T[] {
  const stale = spansOf(spans, "clerk-stale");
  return accepted.filter(({ atMs }) => stale.every(({ untilMs }) => atMs > untilMs));
}

/** The moment as of which a full sync may have read Clerk, in milliseconds since the epoch. */
export function findOldestRead(spans: readonly OuterSpan[], { fromMs, untilMs }: Span): number {
  const meanwhile = spansOf(spans, "clerk-stale").filter(
    (span) => span.fromMs < untilMs && span.untilMs > fromMs,
  );
  return Math.min(fromMs, ...meanwhile.map((span) => span.fromMs));
}

/** A token of now and a delivery of now are refused by a process whose clock is ten minutes off. */
const skewed: Readonly<Record<Call["route"], number>> = { webhook: 400, ensure: 401 };

/** For so long, a connection may wait to send a packet again that was lost for a few seconds. */
const resentMs = 10_000;

/** As for every call: see `checkCalls`. */
const longestMs = 5_000;

/** The ledger without late and lost answers over a cable that lost packets, which is the one to the process' callers too. */
export function withoutLostCalls(ledger: Ledger, spans: readonly OuterSpan[]): Ledger {
  const losses = [...spansOf(spans, "one-way"), ...spansOf(spans, "packet-loss")];
  const isLost = ({ api, fromMs, toMs, status }: Call) =>
    (status === undefined || toMs - fromMs > longestMs) &&
    losses.some(
      ({ fault, ...span }) =>
        "process" in fault && fault.process === api && span.fromMs < toMs && span.untilMs + resentMs > fromMs,
    );
  return { ...ledger, calls: ledger.calls.filter((call) => !isLost(call)) };
}

/** The ledger without the refusals of processes whose clocks were wrong. Such a delivery is sent again. */
export function withoutSkewedCalls(ledger: Ledger, spans: readonly OuterSpan[]): Ledger {
  const jumps = spansOf(spans, "clock");
  const isSkewed = ({ api, route, status, fromMs, toMs }: Call) =>
    status === skewed[route] &&
    jumps.some(
      ({ fault, ...span }) =>
        fault.fault === "clock" && fault.process === api && span.fromMs < toMs && span.untilMs > fromMs,
    );
  return { ...ledger, calls: ledger.calls.filter((call) => !isSkewed(call)) };
}

/**
 * A statement without the right to use a schema fails like one in which the schema does not exist, if it names a function or
 * a table without the schema.
 */
const refusals: Readonly<Record<Right, readonly string[]>> = {
  "worker writes users": ["42501"],
  "worker reads users": ["42501"],
  "api reads users": ["42501"],
  "worker uses schema": ["42501"],
  queues: ["42501", "42883", "42P01"],
};

/** Whether a refused statement is one that a fault provokes. */
export function isProvoked({ invariant, detail }: Violation, spans: readonly OuterSpan[]): boolean {
  const states = spans.flatMap(({ fault }) => (fault.fault === "revoke" ? refusals[fault.right] : []));
  return (
    invariant === "Postgres refuses no statement of ours" && states.some((state) => detail.startsWith(state))
  );
}
