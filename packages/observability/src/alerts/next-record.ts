import type { AlertRule, AlertView } from "@rollcall/contracts";
import type { AlertRecord } from "./alert-record.ts";
import type { Verdict } from "./evaluate-rule.ts";

/**
 * What an alert comes to after a verdict. Without one (its figures could not be read) it stays as it was: neither
 * does an outage of what is watched look like recovery, nor does it make up a cause.
 */
export function decideNext(
  rule: AlertRule,
  before: AlertRecord | undefined,
  verdict: Verdict | undefined,
  now: Date,
): AlertRecord | undefined {
  if (!verdict) return before;
  const old = before ?? newRecord(rule, now);
  const next = { ...old, value: verdict.value, evaluatedAt: now };
  if (!verdict.holds) {
    if (old.state === "ok") return next;
    const resolvedAt = old.state === "firing" ? now : old.resolvedAt;
    return { ...next, state: "ok", since: now, resolvedAt };
  }
  if (old.state === "firing") return next;
  const since = old.state === "pending" ? old.since : now;
  const isDue = now.getTime() - since.getTime() >= rule.forS * 1_000;
  return isDue
    ? { ...next, state: "firing", since: now, firedAt: now }
    : { ...next, state: "pending", since };
}

function newRecord({ name }: AlertRule, now: Date): AlertRecord {
  const nothing = { firedAt: null, resolvedAt: null, firedSentAt: null, resolvedSentAt: null };
  return { name, state: "ok", since: now, value: null, evaluatedAt: now, ...nothing };
}

/** Every alert for whoever asks, judged or not. */
export function viewAlerts(rules: readonly AlertRule[], records: readonly AlertRecord[]): AlertView[] {
  return rules.map(({ name, severity, summary }) => {
    const record = records.find((one) => one.name === name);
    return {
      name,
      state: record?.state ?? "unknown",
      severity,
      summary,
      value: record?.value ?? null,
      since: record?.since.toISOString() ?? null,
      firedAt: record?.firedAt?.toISOString() ?? null,
      resolvedAt: record?.resolvedAt?.toISOString() ?? null,
      evaluatedAt: record?.evaluatedAt.toISOString() ?? null,
    };
  });
}
