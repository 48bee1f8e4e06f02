import { z } from "zod";

const timestamp = z.iso.datetime({ offset: true });

/** pending: the condition holds, but not yet for long enough. unknown: not evaluated yet. */
export const alertState = z.enum(["ok", "pending", "firing", "unknown"]);

/** The present state of an alert. */
export const alertView = z.object({
  name: z.string(),
  state: alertState,
  severity: z.enum(["page", "ticket"]),
  summary: z.string(),
  /** The value that was compared with the bound; null without a value. */
  value: z.number().nullable(),
  /** The start of this state. */
  since: timestamp.nullable(),
  firedAt: timestamp.nullable(),
  resolvedAt: timestamp.nullable(),
  evaluatedAt: timestamp.nullable(),
});

export type AlertView = z.infer<typeof alertView>;

/** A past or present firing of an alert. */
export const alertFiring = z.object({
  id: z.number().int(),
  name: z.string(),
  severity: z.enum(["page", "ticket"]),
  summary: z.string(),
  /** The value with which it fired. */
  value: z.number().nullable(),
  firedAt: timestamp,
  /** Null while it fires. */
  resolvedAt: timestamp.nullable(),
});

export type AlertFiring = z.infer<typeof alertFiring>;

/** Where alerts are sent, and whether that works. */
export const alertDelivery = z.object({
  /** Host and port of ALERT_WEBHOOK_URL, never its path, which may hold a token. Null: alerts are only in the log. */
  host: z.string().nullable(),
  lastSentAt: timestamp.nullable(),
  lastFailedAt: timestamp.nullable(),
  /** `http_500`, or why there was no answer: `ECONNREFUSED`, `TimeoutError`, `no_answer`. */
  lastFailureCode: z.string().nullable(),
  /** unknown: nothing was sent yet. */
  state: z.enum(["off", "unknown", "works", "fails"]),
});

export type AlertDelivery = z.infer<typeof alertDelivery>;

/** The body that is sent to ALERT_WEBHOOK_URL, at least once for each firing and each recovery. */
export const alertNotification = z.object({
  type: z.enum(["alert.fired", "alert.resolved"]),
  /** Stays the same when the notification is sent again. */
  id: z.string(),
  alert: z.string(),
  severity: z.enum(["page", "ticket"]),
  summary: z.string(),
  value: z.number().nullable(),
  firedAt: timestamp,
  resolvedAt: timestamp.nullable(),
  /** The section of docs/RUNBOOK.md. */
  runbook: z.string(),
  /** The notification in one line, which chat systems show. */
  text: z.string(),
});

export type AlertNotification = z.infer<typeof alertNotification>;
