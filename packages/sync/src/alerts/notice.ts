import { type AlertNotice, type AlertRule, alertNotice } from "@rollcall/contracts";
import type { AlertRecord } from "@rollcall/db";

const timeoutMs = 5_000;

/** What somebody is still to be told of an alert; undefined when they know all. */
export function findUntold(rule: AlertRule, record: AlertRecord): AlertNotice | undefined {
  const { state, firedAt, resolvedAt, toldFiredAt, toldResolvedAt } = record;
  if (firedAt === null) return undefined;
  const knowsFiring = isSame(toldFiredAt, firedAt);
  if (state === "firing") return knowsFiring ? undefined : toNotice(rule, record, firedAt, null);
  // A firing that nobody heard of, because the address was away, is over: there is no news in it.
  if (!knowsFiring || resolvedAt === null || isSame(toldResolvedAt, resolvedAt)) return undefined;
  return toNotice(rule, record, firedAt, resolvedAt);
}

/** The record once `notice` was told. */
export function markTold(record: AlertRecord, { type }: AlertNotice): AlertRecord {
  return type === "alert.fired"
    ? { ...record, toldFiredAt: record.firedAt }
    : { ...record, toldResolvedAt: record.resolvedAt };
}

/** Posts a notice. @throws Error that does not name the address, which may be a secret */
export async function sendNotice(url: string, notice: AlertNotice): Promise<void> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(notice),
    signal: AbortSignal.timeout(timeoutMs),
    redirect: "manual",
  }).catch(() => {
    throw new Error("ALERT_WEBHOOK_URL was not reached");
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`ALERT_WEBHOOK_URL answered ${answer.status}`);
}

function toNotice(rule: AlertRule, record: AlertRecord, firedAt: Date, resolvedAt: Date | null): AlertNotice {
  const { name, severity, summary } = rule;
  const type = resolvedAt === null ? "alert.fired" : "alert.resolved";
  const word = resolvedAt === null ? "FIRING" : "resolved";
  const runbook = `docs/RUNBOOK.md#${name}`;
  return alertNotice.parse({
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
