import { RollcallError } from "@rollcall/client";
import type { UserProvisioning } from "@rollcall/client/react";
import { expect, test } from "vitest";
import { decideToast } from "./decide-toast.ts";

const error = new RollcallError("network", "…", { retryable: true });
const all = { isLoaded: true, userId: "user_a", retry: () => {}, dismissWelcome: () => {} };
const nobody = { ...all, user: null, mentorado: null };
const waiting = { ...nobody, status: "provisioning", error: null, attempt: 1, retryingInMs: null } as const;
// Whose profile it is does not matter to a toast.
const there = { ...all, status: "provisioned", error: null, created: false, stale: false, welcome: false };

test.each<[string, unknown, string | undefined]>([
  ["nobody has asked yet", { ...nobody, status: "unprovisioned", error: null }, undefined],
  ["the first attempt is under way", waiting, "preparing"],
  ["a later attempt is", { ...waiting, attempt: 2, retryingInMs: 1_000 }, "stillPreparing"],
  ["the call failed", { ...nobody, status: "unprovisioned", error }, "failed"],
  ["the next call is under way", { ...waiting, error }, "tryingAgain"],
  ["the profile was there", there, undefined],
  ["the profile was made", { ...there, created: true, welcome: true }, "created"],
  ["the profile was made by something faster", { ...there, welcome: true }, "created"],
  ["its welcome is dismissed", { ...there, created: true }, "created"],
])("when %s", (_when, provisioning, text) => {
  expect(decideToast(provisioning as UserProvisioning)?.text).toBe(text);
});
