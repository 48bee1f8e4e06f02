import {
  type AlertDelivery,
  type AlertNotification,
  type AlertRule,
  alertNotification,
  nameNetworkFailure,
} from "@rollcall/contracts";
import type { AlertRecord } from "./next-record.ts";

const timeoutMs = 5_000;

/** The notification of an alert that is still to be sent; undefined when there is none. */
export function findPendingNotification(
  rule: AlertRule,
  record: AlertRecord,
  names: readonly string[] = [],
): AlertNotification | undefined {
  const { state, firedAt, resolvedAt, firedSentAt, resolvedSentAt } = record;
  if (firedAt === null) return undefined;
  const isFiringSent = isSame(firedSentAt, firedAt);
  if (state === "firing")
    return isFiringSent ? undefined : toNotification(rule, record, firedAt, null, names);
  // While the address was away the alert fired and recovered: there is nothing left to report.
  if (!isFiringSent || resolvedAt === null || isSame(resolvedSentAt, resolvedAt)) return undefined;
  return toNotification(rule, record, firedAt, resolvedAt);
}

/** The record after `notification` was sent. */
export function markSent(record: AlertRecord, { type }: AlertNotification): AlertRecord {
  return type === "alert.fired"
    ? { ...record, firedSentAt: record.firedAt }
    : { ...record, resolvedSentAt: record.resolvedAt };
}

/** A notification that was not delivered. */
export class NotDelivered extends Error {
  /** `http_500`, or the reason why there was no answer. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "NotDelivered";
    this.code = code;
  }
}

/** Posts a notification. @throws NotDelivered, which does not name the address, because that may be a secret */
export async function sendAlertNotification(url: string, notification: AlertNotification): Promise<void> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(notification),
    signal: AbortSignal.timeout(timeoutMs),
    redirect: "manual",
  }).catch((error: unknown) => {
    const reason = nameNetworkFailure(error);
    throw new NotDelivered(reason.replaceAll(" ", "_"), `ALERT_WEBHOOK_URL was not reached (${reason})`);
  });
  await answer.body?.cancel();
  if (!answer.ok)
    throw new NotDelivered(`http_${answer.status}`, `ALERT_WEBHOOK_URL answered ${answer.status}`);
}

/** Where a process sends alerts, and what happened to the latest ones. */
export type DeliveryRecord = {
  /** Null: alerts are only in the log. */
  host: string | null;
  lastSentAt: Date | null;
  lastFailedAt: Date | null;
  lastFailureCode: string | null;
};

/** Host and port of ALERT_WEBHOOK_URL. Its path, query and password may hold a token. */
export function hostOf(url: string | undefined): string | null {
  return url === undefined ? null : new URL(url).host;
}

/**
 * Where alerts are sent, as operators see it.
 *
 * @param record of the process that evaluates alerts; undefined before the first evaluation
 */
export function viewDelivery(record: DeliveryRecord | undefined): AlertDelivery {
  const { host, lastSentAt, lastFailedAt, lastFailureCode } = record ?? nothingSent;
  const [sentMs, failedMs] = [lastSentAt?.getTime() ?? 0, lastFailedAt?.getTime() ?? 0];
  const state = sentMs === failedMs ? "unknown" : sentMs > failedMs ? "works" : "fails";
  return {
    host,
    lastSentAt: lastSentAt?.toISOString() ?? null,
    lastFailedAt: lastFailedAt?.toISOString() ?? null,
    lastFailureCode,
    state: record && host === null ? "off" : state,
  };
}

const nothingSent: DeliveryRecord = {
  host: null,
  lastSentAt: null,
  lastFailedAt: null,
  lastFailureCode: null,
};

function toNotification(
  rule: AlertRule,
  record: AlertRecord,
  firedAt: Date,
  resolvedAt: Date | null,
  names: readonly string[] = [],
): AlertNotification {
  const { name, severity } = rule;
  const summary = names.length === 0 ? rule.summary : `${rule.summary} It concerns ${names.join(", ")}.`;
  const type = resolvedAt === null ? "alert.fired" : "alert.resolved";
  const word = resolvedAt === null ? "FIRING" : "resolved";
  const runbook = `docs/RUNBOOK.md#${name}`;
  return alertNotification.parse({
    type,
    id: `${name}-${firedAt.getTime()}-${resolvedAt === null ? "fired" : "resolved"}`,
    alert: name,
    severity,
    summary,
    value: record.value,
    firedAt: firedAt.toISOString(),
    resolvedAt: resolvedAt?.toISOString() ?? null,
    runbook,
    text: `Rollcall: [${word}] ${name} (${severity}): ${summary} See ${runbook}`,
  });
}

function isSame(a: Date | null, b: Date): boolean {
  return a?.getTime() === b.getTime();
}
