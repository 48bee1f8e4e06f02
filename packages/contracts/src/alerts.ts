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
