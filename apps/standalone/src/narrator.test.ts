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
  let told: string[];
  let provisioned: [string, string][];
  let narrator: Narrator;
  const log = (line: object) => narrator.readLog(JSON.stringify({ time: 1_048, ...line }));

  beforeEach(() => {
    told = [];
    provisioned = [];
    narrator = createNarrator({
      tell: (_tone, sentence) => told.push(sentence),
      onProvisioned: (...arrival) => provisioned.push(arrival),
    });
  });

  test("tells who signed up, what was delivered, and after how long and by what they arrived", () => {
    narrator.readHappening(signedUp);
    narrator.readHappening(webhook({}));
    log({ event: "webhook_accepted", type: "user.created", delivery: "msg_1" });
    log({ event: "mentorado_created", clerkId, cause: "webhook", delivery: "msg_1", outcome: "created" });
    expect(told).toEqual([
      "Ada signed up",
      "Webhook delivered: user.created of Ada",
      "Ada provisioned 48 ms after signing up, by webhook",
    ]);
    expect(provisioned).toEqual([[clerkId, "webhook"]]);
  });

  test("knows a login's webhook from a change's, also when only the api's log names it", () => {
    log({ event: "webhook_accepted", type: "session.created", delivery: "msg_2" });
    log({ event: "mentorado_created", clerkId, cause: "webhook", delivery: "msg_2", outcome: "created" });
    expect(told.at(-1)).toBe("user_1 provisioned, by the webhook of a login");
    expect(provisioned).toEqual([[clerkId, "login"]]);
  });

  test("tells who was found by a catch-up, and who by a full run", () => {
    narrator.readHappening(signedUp);
    log({ event: "reconcile_started", runId: 7, mode: "catch-up" });
    // As the worker writes it: a user's line names the run as a text.
    log({ event: "mentorado_created", clerkId, cause: "reconcile", outcome: "created", runId: "7" });
    expect(told.at(-1)).toBe("Ada provisioned 48 ms after signing up, by the catch-up");
    log({ event: "reconcile_started", runId: 8, mode: "full" });
    log({ event: "user_synced", clerkId, cause: "reconcile", outcome: "kept", runId: "8" });
    expect(told.at(-1)).toBe("Ada is in step (by the full run)");
    log({ event: "user_tombstoned", clerkId, cause: "reconcile", outcome: "tombstoned" });
    expect(told.at(-1)).toBe("Ada has only a tombstone left (by the full run)");
    expect(provisioned).toEqual([[clerkId, "catch-up"]]);
  });

  test("tells what a full run came to, and is silent of catch-ups that found nobody", () => {
    const counts = { created: 1, linked: 0, updated: 1, unchanged: 38, deleted: 1, held: 0, failed: 0 };
    log({ event: "reconcile_succeeded", runId: 7, mode: "catch-up", dryRun: false, seen: 40, counts });
    log({ event: "reconcile_succeeded", runId: 8, mode: "full", dryRun: false, seen: 40, counts });
    const refused = { ...counts, created: 0, updated: 0, deleted: 0, failed: 2 };
    log({ event: "reconcile_succeeded", runId: 8, mode: "full", dryRun: false, seen: 40, counts: refused });
    log({ event: "reconcile_held", runId: 9, mode: "full", dryRun: false, seen: 40, counts: { held: 9 } });
    expect(told).toEqual([
      "A full run compared everybody with Clerk, 40 in all: 3 not in step, and mended",
      "A full run compared everybody with Clerk, 40 in all: 2 could not be mended",
      "9 people are gone from Clerk at once: nobody is deleted until a person confirms it",
    ]);
  });

  test("tells of a lost webhook", () => {
    narrator.readHappening(signedUp);
    narrator.readHappening(webhook({ state: "lost" }));
    expect(told.at(-1)).toBe("Webhook lost: user.created of Ada never reaches Rollcall");
  });

  test("tells of an outage once, however many jobs meet it, and again after a while", () => {
    for (const time of [100_000, 100_050, 140_000])
      log({ event: "outage_began", code: "clerk.unavailable", time });
    expect(told).toHaveLength(2);
  });

  test("passes over what is no event and no JSON", () => {
    for (const text of ["{", "plain words", '{"msg":"Listening"}', '{"event":"constructor","time":1}']) {
      narrator.readLog(text);
    }
    narrator.readHappening({ kind: "unheard of" });
    expect(told).toEqual([]);
  });
});
