import { RollcallError } from "@rollcall/client";
import type { UserProvisioning } from "@rollcall/client/react";
import { expect, test } from "vitest";
import { decideToast } from "./decide-toast.ts";

const error = new RollcallError("network", "…", { retryable: true });
const all = { isLoaded: true, userId: "user_a", retry: () => {}, dismissWelcome: () => {} };
const none = { ...all, user: null, mentorado: null };
const waiting = { ...none, status: "provisioning", error: null, attempt: 1, retryingInMs: null } as const;
// The toast does not depend on the profile itself.
const there = { ...all, status: "provisioned", error: null, created: false, stale: false, welcome: false };

test.each<[string, unknown, string | undefined]>([
  ["no call was made yet", { ...none, status: "unprovisioned", error: null }, undefined],
  ["the first attempt is under way", waiting, "preparing"],
  ["a later attempt is under way", { ...waiting, attempt: 2, retryingInMs: 1_000 }, "stillPreparing"],
  ["the call failed", { ...none, status: "unprovisioned", error }, "failed"],
  ["the next call is under way", { ...waiting, error }, "tryingAgain"],
  ["the profile existed", there, undefined],
  ["the profile was made", { ...there, created: true, welcome: true }, "created"],
  ["the webhook made the profile", { ...there, welcome: true }, "created"],
  ["its welcome is dismissed", { ...there, created: true }, "created"],
])("when %s", (_when, provisioning, text) => {
  expect(decideToast(provisioning as UserProvisioning)?.text).toBe(text);
});
