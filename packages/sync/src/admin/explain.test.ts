import type { JobView, SessionView } from "@rollcall/contracts";
import { describe, expect, test } from "vitest";
import { decideExplanation, decideWhy, type Facts } from "./explain.ts";

const at = "2026-05-12T10:00:00.000Z";
const user: SessionView["user"] = {
  ...{ id: 1, clerkId: "user_1", email: null, emailVerified: false, name: "Ana", imageUrl: null },
  ...{ role: "user", roleSource: null, tier: "FREE", banned: false, readTicket: 1 },
  ...{ clerkCreatedAt: at, clerkUpdatedAt: at, deletedAt: null, createdAt: at, updatedAt: at },
};
const mentorado = { id: 7 } as NonNullable<SessionView["mentorado"]>;
const job = (code: string | null): JobView => ({
  ...{ queue: "sync", kind: "refresh", state: "waiting", attempts: 1, code, at },
});
const facts = (given: Partial<Facts>): Facts => ({
  ...{ session: undefined, clerk: "there", jobs: [], deadLetters: [], isHeld: false, autoCreate: true },
  ...given,
});
const row = (given: Partial<SessionView["user"]> = {}) => ({ user: { ...user, ...given }, mentorado: null });

describe("each state of a user has its code", () => {
  test.each<[string, Partial<Facts>, string, "row" | "profile" | null, string | null]>([
    ["row and profile", { session: { user, mentorado } }, "in_place", null, null],
    ["an admin", { session: row({ role: "admin" }) }, "in_place_admin", null, null],
    ["no creation", { session: row(), autoCreate: false }, "in_place_without_profile", null, null],
    ["banned", { session: row({ banned: true }) }, "banned", null, null],
    ["deleted", { session: row({ deletedAt: at }) }, "deleted", null, null],
    ["held", { session: { user, mentorado }, clerk: "absent", isHeld: true }, "held", null, null],
    ["a lost webhook", {}, "not_arrived", "row", null],
    ["a row without a profile", { session: row() }, "not_arrived", "profile", null],
    ["a waiting job", { jobs: [job(null)] }, "on_its_way", "row", null],
    ["a retry", { jobs: [job("user.rejected")] }, "retried", "row", "user.rejected"],
    ["a dead letter", { deadLetters: [job("hook.failed")] }, "dead_letter", "row", "hook.failed"],
    ["no such user", { clerk: "absent" }, "absent", "row", null],
    ["a silent Clerk", { clerk: "unknown" }, "clerk_unknown", "row", null],
  ])("%s", (_what, given, code, missing, errorCode) => {
    expect(decideExplanation(facts(given))).toEqual({ code, missing, errorCode });
  });
});

test.each([{}, { role: "admin" as const }, { banned: true }, { deletedAt: at }])(
  "no sentence speaks of a profile in an app without profiles (%o)",
  (given) => {
    const why = decideWhy(facts({ session: row(given), autoCreate: false, hasProfiles: false }));
    expect(why).not.toMatch(/profile|creation/);
  },
);

test("the sentence names the error, and what is missing", () => {
  const why = decideWhy(facts({ session: row(), jobs: [job("user.rejected")] }));
  expect(why).toBe("The row exists and the profile is missing. A job is retried after user.rejected.");
  expect(decideWhy(facts({ session: row({ deletedAt: at }) }))).toContain(at);
});
