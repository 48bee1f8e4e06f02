import type { Happening } from "@rollcall/sandbox";
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
