import { z } from "zod";

const timestamp = z.iso.datetime({ offset: true });

/** ok; pending: its condition holds, not yet for long enough; firing; unknown: nobody has judged it. */
export const alertState = z.enum(["ok", "pending", "firing", "unknown"]);

/** An alert as it is now. */
export const alertView = z.object({
  name: z.string(),
  state: alertState,
  severity: z.enum(["page", "ticket"]),
  summary: z.string(),
  /** What was compared with the bound; null while there is nothing to compare. */
  value: z.number().nullable(),
  /** Since when it has this state. */
  since: timestamp.nullable(),
  firedAt: timestamp.nullable(),
  resolvedAt: timestamp.nullable(),
  evaluatedAt: timestamp.nullable(),
});

export type AlertView = z.infer<typeof alertView>;

/** The body that ALERT_WEBHOOK_URL gets, at least once for each firing and each recovery. */
export const alertNotification = z.object({
  type: z.enum(["alert.fired", "alert.resolved"]),
  /** The same whenever this notification is sent again. */
  id: z.string(),
  alert: z.string(),
  severity: z.enum(["page", "ticket"]),
  summary: z.string(),
  value: z.number().nullable(),
  firedAt: timestamp,
  resolvedAt: timestamp.nullable(),
  /** The section of docs/RUNBOOK.md. */
  runbook: z.string(),
  /** All of it in one line; chat systems show this field. */
  text: z.string(),
});

export type AlertNotification = z.infer<typeof alertNotification>;
