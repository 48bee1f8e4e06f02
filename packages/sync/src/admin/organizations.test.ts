import { describe, expect, test } from "vitest";
import { decideOrganizationExplanation, type OrganizationFacts } from "./organizations.ts";

const facts = (given: Partial<OrganizationFacts>): OrganizationFacts => ({
  ...{ state: undefined, hasRow: false, clerk: "there", jobs: [], deadLetters: [] },
  ...{ members: { count: 0, more: false }, membersAtClerk: null },
  ...given,
});
const live = { state: "live", hasRow: true } as const;
const many = { count: 100_000, more: true };

describe("each state of an organization has its code", () => {
  test.each<[string, Partial<OrganizationFacts>, string, string | null]>([
    ["a row", live, "in_place", null],
    ["a row with a job", { ...live, jobs: [{ code: null }] }, "in_place", null],
    ["other members at Clerk", { ...live, membersAtClerk: 1 }, "members_differ", null],
    ["more members than are counted", { ...live, members: many, membersAtClerk: 200_000 }, "in_place", null],
    ["a row that Clerk lacks", { ...live, clerk: "absent" }, "absent_at_clerk", null],
    ["a row, while Clerk is away", { ...live, clerk: "unknown" }, "in_place", null],
    ["a held deletion", { state: "held", hasRow: true, clerk: "absent" }, "held", null],
    ["a tombstone", { state: "deleted", hasRow: true, clerk: "absent" }, "deleted", null],
    ["a row that was never read", { state: "unread", hasRow: true }, "unread", null],
    [
      "the same, absent at Clerk",
      { state: "unread", hasRow: true, clerk: "absent" },
      "absent_at_clerk",
      null,
    ],
    ["a row that the app deleted", { state: "live" }, "not_arrived", null],
    ["a lost webhook", {}, "not_arrived", null],
    ["a job", { jobs: [{ code: null }] }, "on_its_way", null],
    ["a retried job", { jobs: [{ code: "clerk.unreadable" }] }, "retried", "clerk.unreadable"],
    ["a dead letter", { deadLetters: [{ code: "user.rejected" }] }, "dead_letter", "user.rejected"],
    ["no trace and no answer", { clerk: "unknown" }, "clerk_unknown", null],
    ["no trace, and absent at Clerk", { clerk: "absent" }, "absent", null],
  ])("%s", (_, given, code, errorCode) => {
    expect(decideOrganizationExplanation(facts(given))).toEqual({ code, errorCode });
  });
});
