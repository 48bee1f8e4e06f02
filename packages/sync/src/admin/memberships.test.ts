import { expect, test } from "vitest";
import { decideMembershipSentence, type MembershipFacts } from "./memberships.ts";

const member = { role: "org:admin", hasRow: true, held: false };
const facts: MembershipFacts = {
  ...{ membership: undefined, isEnded: false, clerk: "there", clerkRole: "org:admin" },
  ...{ jobs: [], deadLetters: [] },
};

test.each<[string, Partial<MembershipFacts>, string]>([
  ["a row", { membership: member }, "In place: a member with the role org:admin."],
  ["a row without a role", { membership: { ...member, role: null } }, "In place: a member."],
  ["a row, while Clerk is away", { membership: member, clerk: "unknown", clerkRole: null }, "In place"],
  ["another role", { membership: member, clerkRole: "org:member" }, "but Clerk says org:member"],
  [
    "a row that Clerk lacks",
    { membership: member, clerk: "absent", clerkRole: null },
    "Clerk has no such membership. The next",
  ],
  ["a held end", { membership: { ...member, held: true }, clerk: "absent" }, "the end is held"],
  ["a row that the app deleted", { membership: { ...member, hasRow: false } }, "row is gone"],
  ["a job", { jobs: [{ code: null }] }, "On its way"],
  ["a retried job", { jobs: [{ code: "user.absent" }] }, "retried after user.absent"],
  ["a dead letter", { deadLetters: [{ code: "user.rejected" }] }, "failed with user.rejected"],
  ["a lost webhook", {}, "no webhook and no login"],
  ["a user who joined again", { isEnded: true }, "no webhook and no login"],
  ["an end", { isEnded: true, clerk: "absent", clerkRole: null }, "The membership ended."],
  ["nothing", { clerk: "absent", clerkRole: null }, "Clerk has no such membership."],
  ["nothing, while Clerk is away", { clerk: "unknown", clerkRole: null }, "Clerk did not answer"],
])("%s has its sentence", (_, given, sentence) => {
  expect(decideMembershipSentence({ ...facts, ...given })).toContain(sentence);
});
