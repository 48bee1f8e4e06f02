import type { AlertFiring, AlertRule, AlertView } from "@rollcall/contracts";
import type { Evaluation } from "./evaluate-rule.ts";

/** The state of an alert, and which of its notifications were sent. */
export type AlertRecord = {
  name: string;
  state: "ok" | "pending" | "firing";
  since: Date;
  value: number | null;
  firedAt: Date | null;
  resolvedAt: Date | null;
  evaluatedAt: Date;
  firedSentAt: Date | null;
  resolvedSentAt: Date | null;
};

/** A firing of an alert, for the history. */
export type FiringRecord = { name: string; value: number | null; firedAt: Date; resolvedAt: Date | null };

/**
 * The next record of an alert. Without an evaluation, because a gauge could not be read, the alert stays as it was: an
 * outage neither fires nor resolves it.
 */
export function decideNext(
  rule: AlertRule,
  before: AlertRecord | undefined,
  evaluation: Evaluation | undefined,
  now: Date,
): AlertRecord | undefined {
  if (!evaluation) return before;
  const old = before ?? newRecord(rule, now);
  const next = { ...old, value: evaluation.value, evaluatedAt: now };
  if (!evaluation.holds) {
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

/** Every alert as operators see it; `unknown` until its first evaluation. */
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

/** Firings as operators see them. A firing of an alert that this version does not have is not urgent and has no summary. */
export function viewFirings(
  rules: readonly AlertRule[],
  firings: readonly (FiringRecord & { id: number })[],
): AlertFiring[] {
  return firings.map(({ id, name, value, firedAt, resolvedAt }) => {
    const rule = rules.find((one) => one.name === name);
    return {
      id,
      name,
      severity: rule?.severity ?? "ticket",
      summary: rule?.summary ?? "",
      value,
      firedAt: firedAt.toISOString(),
      resolvedAt: resolvedAt?.toISOString() ?? null,
    };
  });
}
