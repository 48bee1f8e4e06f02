import type { Happening } from "@rollcall/clerk-simulator";
import { beforeEach, describe, expect, test } from "vitest";
import { createNarrator, type Narrator } from "./narrator.ts";

const clerkId = "user_1";
const signedUp = {
  kind: "person",
  change: "created",
  userId: clerkId,
  name: "Ada",
  atMs: 1_000,
} satisfies Happening;
const webhook = (fields: Partial<Extract<Happening, { kind: "webhook" }>>): Happening => ({
  ...{ kind: "webhook", id: "msg_1", type: "user.created", userId: clerkId, state: "waiting", copies: 1 },
  ...fields,
});

describe("the narrator", () => {
  let shown: string[];
  let provisioned: [string, string][];
  let narrator: Narrator;
  const log = (line: object) => narrator.readLog(JSON.stringify({ time: 1_048, ...line }));

  beforeEach(() => {
    shown = [];
    provisioned = [];
    narrator = createNarrator({
      show: (_tone, sentence) => shown.push(sentence),
      profileName: "mentorado",
      onProvisioned: (...args) => provisioned.push(args),
    });
  });

  test("shows a sign-up, its delivery, and the delay and cause of its profile", () => {
    narrator.readHappening(signedUp);
    narrator.readHappening(webhook({}));
    log({ event: "webhook_accepted", type: "user.created", delivery: "msg_1" });
    log({ event: "mentorado_created", clerkId, cause: "webhook", delivery: "msg_1", outcome: "created" });
    expect(shown).toEqual([
      "Ada signed up",
      "Webhook delivered: user.created of Ada",
      "Ada provisioned 48 ms after signing up, by webhook",
    ]);
    expect(provisioned).toEqual([[clerkId, "webhook"]]);
  });

  test("a simulator without people is no failure, and a real Clerk without users is one", () => {
    const failed = { event: "reconcile_failed", code: "reconcile.list_empty", time: 100_000 };
    log(failed);
    expect(shown).toEqual(["Comparing with Clerk failed (reconcile.list_empty); it is retried"]);
    narrator = createNarrator({
      show: (tone, sentence) => shown.push(`${tone}: ${sentence}`),
      profileName: "mentorado",
      isSimulated: true,
      onProvisioned: () => undefined,
    });
    log(failed);
    expect(shown.at(-1)).toBe(
      "plain: The simulator has no people yet, so no user was compared; it is tried again",
    );
  });

  test("distinguishes a login's webhook from a change's, even without a message of the simulator", () => {
    log({ event: "webhook_accepted", type: "session.created", delivery: "msg_2" });
    log({ event: "mentorado_created", clerkId, cause: "webhook", delivery: "msg_2", outcome: "created" });
    expect(shown.at(-1)).toBe("user_1 provisioned, by the webhook of a login");
    expect(provisioned).toEqual([[clerkId, "login"]]);
  });

  test("names the catch-up or the full sync that found a user", () => {
    narrator.readHappening(signedUp);
    log({ event: "reconcile_started", runId: 7, mode: "catch-up" });
    // In the worker's log a user's line has the run's id as a string.
    log({ event: "mentorado_created", clerkId, cause: "reconcile", outcome: "created", runId: "7" });
    expect(shown.at(-1)).toBe("Ada provisioned 48 ms after signing up, by the catch-up");
    log({ event: "reconcile_started", runId: 8, mode: "full" });
    log({ event: "user_synced", clerkId, cause: "reconcile", outcome: "kept", runId: "8" });
    expect(shown.at(-1)).toBe("Ada is in step (by the full sync)");
    log({ event: "user_tombstoned", clerkId, cause: "reconcile", outcome: "tombstoned" });
    expect(shown.at(-1)).toBe("Ada has only a tombstone left (by the full sync)");
    expect(provisioned).toEqual([[clerkId, "catch-up"]]);
  });

  test("shows the result of a full sync, and nothing for a catch-up without findings", () => {
    const counts = { created: 1, linked: 0, updated: 1, unchanged: 38, deleted: 1, held: 0, failed: 0 };
    log({ event: "reconcile_succeeded", runId: 7, mode: "catch-up", dryRun: false, seen: 40, counts });
    log({ event: "reconcile_succeeded", runId: 8, mode: "full", dryRun: false, seen: 40, counts });
    const refused = { ...counts, created: 0, updated: 0, deleted: 0, failed: 2 };
    log({ event: "reconcile_succeeded", runId: 8, mode: "full", dryRun: false, seen: 40, counts: refused });
    log({ event: "reconcile_held", runId: 9, mode: "full", dryRun: false, seen: 40, counts: { held: 9 } });
    expect(shown).toEqual([
      "A full sync compared every user with Clerk, 40 in all: 3 corrected",
      "A full sync compared every user with Clerk, 40 in all: 2 could not be corrected",
      "9 users are missing at Clerk at once: no user is deleted until a person confirms it",
    ]);
  });

  test("a name cannot move the cursor, add a line or reverse the text", () => {
    narrator.readHappening({ ...signedUp, name: "\u001b[2JAda\n\u202eOK\u009b1A" });
    log({ event: "webhook_accepted", type: "user.\u001b[31mcreated", delivery: "msg_9" });
    expect(shown).toEqual([
      "\ufffd[2JAda\ufffd\ufffdOK\ufffd1A signed up",
      "Webhook delivered: user.\ufffd[31mcreated",
    ]);
  });

  test("shows a profile of another name, and its failures", () => {
    narrator = createNarrator({
      show: (_tone, sentence) => shown.push(sentence),
      profileName: "member",
      onProvisioned: (...args) => provisioned.push(args),
    });
    log({ event: "member_creation_failed", clerkId, code: "user.rejected" });
    log({ event: "member_created", clerkId, cause: "ensure", outcome: "created" });
    expect(shown).toEqual([
      "user_1 could not be provisioned (user.rejected); the job is retried",
      "user_1 provisioned, by the app's ensure call",
    ]);
    expect(provisioned).toEqual([[clerkId, "ensure"]]);
  });

  test("without profiles, the first row of a new user is the news, and a later write is not", () => {
    narrator = createNarrator({
      show: (_tone, sentence) => shown.push(sentence),
      profileName: undefined,
      onProvisioned: (...args) => provisioned.push(args),
    });
    narrator.readHappening(signedUp);
    for (const time of [1_048, 9_000])
      log({ event: "user_synced", clerkId, cause: "webhook", outcome: "not_made", time });
    expect(shown.slice(1)).toEqual([
      "Ada provisioned 48 ms after signing up, by webhook",
      "Ada is in step (by webhook)",
    ]);
    expect(provisioned).toEqual([[clerkId, "webhook"]]);
  });

  test("shows a lost webhook", () => {
    narrator.readHappening(signedUp);
    narrator.readHappening(webhook({ state: "lost" }));
    expect(shown.at(-1)).toBe("Webhook lost: user.created of Ada never reaches Rollcall");
  });

  test("shows an outage once for all jobs that meet it, and again after 30 seconds", () => {
    for (const time of [100_000, 100_050, 140_000])
      log({ event: "outage_began", code: "clerk.unavailable", time });
    expect(shown).toHaveLength(2);
  });

  test("ignores lines that are no events or no JSON", () => {
    for (const text of ["{", "plain words", '{"msg":"Listening"}', '{"event":"constructor","time":1}']) {
      narrator.readLog(text);
    }
    narrator.readHappening({ kind: "unknown" });
    expect(shown).toEqual([]);
  });
});
