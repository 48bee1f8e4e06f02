import { type AlertRule, alertNotification } from "@rollcall/contracts";
import { describe, expect, test } from "vitest";
import { type AlertRecord, decideNext } from "./next-record.ts";
import { findPendingNotification, markSent } from "./notification.ts";

const rule: AlertRule = {
  name: "queue_stalled",
  severity: "page",
  summary: "Users wait.",
  when: { kind: "gauge", of: { metric: "rollcall_workers" }, take: "max", above: 1 },
  forS: 30,
};
const at = (s: number) => new Date(1_700_000_000_000 + s * 1_000);

/** Evaluations at the given seconds; undefined for an evaluation without its gauges. */
function run(
  turns: [second: number, holds: boolean | undefined][],
  forS = rule.forS,
): (AlertRecord | undefined)[] {
  let record: AlertRecord | undefined;
  return turns.map(([second, holds]) => {
    const evaluation = holds === undefined ? undefined : { holds, value: holds ? 2 : 0 };
    record = decideNext({ ...rule, forS }, record, evaluation, at(second));
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
  test("waits again from the start when its condition ended in between", () => {
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
  test("keeps its state while its gauges cannot be read", () => {
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

describe("the notifications of an alert", () => {
  const [, firing, , over] = run([
    [0, true],
    [30, true],
    [40, true],
    [50, false],
  ]);
  if (!firing || !over) throw new Error("The alert did not fire");

  test("are one when it fires, and one when it is resolved", () => {
    const fired = findPendingNotification(rule, firing);
    expect(fired).toMatchObject({ type: "alert.fired", alert: "queue_stalled", resolvedAt: null });
    const sent = fired && markSent(firing, fired);
    expect(sent && findPendingNotification(rule, sent)).toBeUndefined();
    const ended = { ...over, firedSentAt: over.firedAt };
    const resolved = findPendingNotification(rule, ended);
    expect(resolved).toMatchObject({ type: "alert.resolved", firedAt: fired?.firedAt });
    expect(resolved && findPendingNotification(rule, markSent(ended, resolved))).toBeUndefined();
    expect(resolved?.id).not.toBe(fired?.id);
  });
  test("keep their id when they are sent again", () => {
    expect(findPendingNotification(rule, firing)?.id).toBe(
      findPendingNotification(rule, { ...firing, evaluatedAt: at(99) })?.id,
    );
  });
  test("skip the end of a firing that was never sent", () => {
    expect(findPendingNotification(rule, over)).toBeUndefined();
  });
  test("match the contract", () => {
    expect(() => alertNotification.parse(findPendingNotification(rule, firing))).not.toThrow();
  });
});
