import { defaultMapping, listSubscribedEventTypes } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { judgeDeliveries } from "./check-deliveries.ts";

const nowMs = Date.parse("2026-05-12T12:00:00Z");
const daysAgo = (days: number) => new Date(nowMs - days * 86_400_000);
const types = listSubscribedEventTypes(defaultMapping);
const judgeFor = (wanted: readonly string[], ...last: [type: string, days: number][]) =>
  judgeDeliveries(new Map(last.map(([type, days]) => [type, daysAgo(days)])), nowMs, wanted);
const judge = (...last: [type: string, days: number][]) => judgeFor(types, ...last);
const lastWeek = types.map((type): [string, number] => [type, 6.9]);

test("four types of the last week are right", () => {
  expect(judge(...lastWeek)).toMatchObject({ state: "ok" });
});

test("with organizations, an endpoint without their types is named", () => {
  const finding = judgeFor(listSubscribedEventTypes({ ...defaultMapping, organizations: {} }), ...lastWeek);
  expect(finding.state).toBe("note");
  for (const type of ["organization.created", "organizationMembership.deleted"])
    expect(finding.says).toContain(`${type} (never)`);
});

test("a type that never came, or not for a week, is named as a hint", () => {
  const finding = judge(["user.created", 0], ["user.updated", 7], ["session.created", 400], ["other", 0]);
  expect(finding.state).toBe("note");
  expect(finding.says).toContain(
    "user.updated (7 days ago), user.deleted (never), session.created (400 days ago)",
  );
  expect(finding.says).not.toContain("user.created");
});

test("without any of the four types, the steps are named", () => {
  for (const finding of [judge(), judge(["user.createdAtEdge", 0], ["other", 0])])
    expect(finding).toMatchObject({ state: "note", says: expect.stringContaining("rollcall clerk setup") });
});
