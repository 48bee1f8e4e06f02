import { type AlertRule, alertNotification } from "@rollcall/contracts";
import { describe, expect, test } from "vitest";
import type { AlertRecord } from "./alert-record.ts";
import { decideNext } from "./next-record.ts";
import { findPendingNotification, markSent } from "./notification.ts";

const rule: AlertRule = {
  name: "queue_stalled",
  severity: "page",
  summary: "Users wait.",
  when: { kind: "level", of: { metric: "rollcall_workers" }, take: "max", above: 1 },
  forS: 30,
};
const at = (s: number) => new Date(1_700_000_000_000 + s * 1_000);

/** Verdicts at seconds, in turn; undefined for figures that could not be read. */
function run(
  turns: [second: number, holds: boolean | undefined][],
  forS = rule.forS,
): (AlertRecord | undefined)[] {
  let record: AlertRecord | undefined;
  return turns.map(([second, holds]) => {
    const verdict = holds === undefined ? undefined : { holds, value: holds ? 2 : 0 };
    record = decideNext({ ...rule, forS }, record, verdict, at(second));
    return record;
  });
}
const states = (...args: Parameters<typeof run>) => run(...args).map((record) => record?.state);

describe("an alert", () => {
  test("fires once its condition has held for long enough, and recovers when it ends", () => {
    expect(
      states([
        [0, false],
        [10, true],
        [30, true],
        [40, true],
        [50, true],
        [60, false],
      ]),
    ).toEqual(["ok", "pending", "pending", "firing", "firing", "ok"]);
  });
  test("begins to wait anew when its condition ended in between", () => {
    expect(
      states([
        [0, true],
        [20, false],
        [40, true],
        [60, true],
      ]),
    ).toEqual(["pending", "ok", "pending", "pending"]);
  });
  test("without a duration fires at once", () => {
    expect(states([[0, true]], 0)).toEqual(["firing"]);
  });
  test("stays what it is while its figures cannot be read", () => {
    expect(
      states([
        [0, undefined],
        [10, true],
        [50, true],
        [60, undefined],
        [70, false],
      ]),
    ).toEqual([undefined, "pending", "firing", "firing", "ok"]);
  });
});

describe("whoever is told", () => {
  const [, firing, , over] = run([
    [0, true],
    [30, true],
    [40, true],
    [50, false],
  ]);
  if (!firing || !over) throw new Error("It did not fire");

  test("hears of a firing once, and once of its end", () => {
    const fired = findPendingNotification(rule, firing);
    expect(fired).toMatchObject({ type: "alert.fired", alert: "queue_stalled", resolvedAt: null });
    const told = fired && markSent(firing, fired);
    expect(told && findPendingNotification(rule, told)).toBeUndefined();
    const ended = { ...over, firedSentAt: over.firedAt };
    const resolved = findPendingNotification(rule, ended);
    expect(resolved).toMatchObject({ type: "alert.resolved", firedAt: fired?.firedAt });
    expect(resolved && findPendingNotification(rule, markSent(ended, resolved))).toBeUndefined();
    expect(resolved?.id).not.toBe(fired?.id);
  });
  test("hears the same id again when the notification is sent again", () => {
    expect(findPendingNotification(rule, firing)?.id).toBe(
      findPendingNotification(rule, { ...firing, evaluatedAt: at(99) })?.id,
    );
  });
  test("does not hear of the end of what they never heard of", () => {
    expect(findPendingNotification(rule, over)).toBeUndefined();
  });
  test("gets what the contract says", () => {
    expect(() => alertNotification.parse(findPendingNotification(rule, firing))).not.toThrow();
  });
});
