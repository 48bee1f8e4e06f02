import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Provisioned, Retry } from "../rollcall-client.ts";
import { ownError } from "../rollcall-error.ts";
import { decideNext, type ProvisioningEvent, type ProvisioningState, signedOut } from "./state-machine.ts";

const error = ownError("network", "en", { retryable: true });
const newError = ownError("timeout", "en", { retryable: true });
const retry: Retry = { attempt: 2, delayMs: 1_000, error };
// The state machine does not read these values.
const found = { created: false } as Provisioned;
const made = { created: true } as Provisioned;

const whose = { userId: "user_a", organizationId: "org_a", call: 7 };
const states = {
  signedOut: { ...whose, userId: null, organizationId: null, status: "unprovisioned", error: null },
  unprovisioned: { ...whose, status: "unprovisioned", error: null },
  failed: { ...whose, status: "unprovisioned", error },
  provisioning: { ...whose, status: "provisioning", error: null, retry: null },
  waiting: { ...whose, status: "provisioning", error: null, retry },
  tryingAgain: { ...whose, status: "provisioning", error, retry: null },
  provisioned: { ...whose, status: "provisioned", provisioned: found, welcome: false },
  welcoming: { ...whose, status: "provisioned", provisioned: made, welcome: true },
} as const satisfies Record<string, ProvisioningState>;

const events = {
  "user_a signs in": { type: "user", userId: "user_a", organizationId: "org_a" },
  "user_b signs in": { type: "user", userId: "user_b", organizationId: null },
  "user_a switches": { type: "user", userId: "user_a", organizationId: "org_b" },
  "sign-out": { type: "user", userId: null, organizationId: null },
  asked: { type: "asked" },
  waiting: { type: "waiting", call: 7, retry },
  "late waiting": { type: "waiting", call: 6, retry },
  found: { type: "succeeded", call: 7, provisioned: found, welcome: false },
  made: { type: "succeeded", call: 7, provisioned: made, welcome: true },
  "late made": { type: "succeeded", call: 6, provisioned: made, welcome: true },
  failed: { type: "failed", call: 7, error: newError },
  "late failed": { type: "failed", call: 6, error: newError },
  abandoned: { type: "abandoned", call: 7 },
  "late abandoned": { type: "abandoned", call: 6 },
  greeted: { type: "greeted", welcome: true },
  welcomed: { type: "welcomed" },
} as const satisfies Record<string, ProvisioningEvent>;

type Row = Record<keyof typeof events, ProvisioningState | "same">;

const next = { ...whose, call: 8 };
const fresh = (userId: string | null, organizationId: string | null = null): ProvisioningState => ({
  ...states.unprovisioned,
  ...{ userId, organizationId, call: 8 },
});

const nothing: Row = {
  "user_a signs in": "same",
  "user_b signs in": fresh("user_b"),
  "user_a switches": fresh("user_a", "org_b"),
  "sign-out": fresh(null),
  asked: "same",
  waiting: "same",
  "late waiting": "same",
  found: "same",
  made: "same",
  "late made": "same",
  failed: "same",
  "late failed": "same",
  abandoned: "same",
  "late abandoned": "same",
  greeted: "same",
  welcomed: "same",
};
const whileProvisioning: Row = {
  ...nothing,
  found: states.provisioned,
  made: states.welcoming,
  failed: { ...states.failed, error: newError },
};

/** The next state for every state and event. "same" is the same object. */
const table: Record<keyof typeof states, Row> = {
  signedOut: { ...nothing, "user_a signs in": fresh("user_a", "org_a"), "sign-out": "same" },
  unprovisioned: { ...nothing, asked: { ...next, status: "provisioning", error: null, retry: null } },
  failed: { ...nothing, asked: { ...next, status: "provisioning", error, retry: null } },
  provisioning: { ...whileProvisioning, waiting: states.waiting, abandoned: states.unprovisioned },
  waiting: { ...whileProvisioning, waiting: states.waiting, abandoned: states.unprovisioned },
  tryingAgain: {
    ...whileProvisioning,
    waiting: { ...states.tryingAgain, retry },
    abandoned: states.failed,
  },
  provisioned: { ...nothing, greeted: { ...states.provisioned, welcome: true } },
  welcoming: { ...nothing, welcomed: { ...states.welcoming, welcome: false } },
};

describe.each(Object.entries(table))("%s", (name, row) => {
  const state: ProvisioningState = states[name as keyof typeof states];
  test.each(Object.entries(row))("on %s", (event, expected) => {
    const actual = decideNext(state, events[event as keyof typeof events]);
    if (expected === "same") expect(actual).toBe(state);
    else expect(actual).toEqual(expected);
  });
});

const anyEvent: fc.Arbitrary<ProvisioningEvent> = fc.oneof(
  fc.record({
    type: fc.constant("user" as const),
    userId: fc.constantFrom("user_a", "user_b", null),
    organizationId: fc.constantFrom("org_a", null),
  }),
  fc.record({ type: fc.constantFrom("asked" as const, "welcomed" as const) }),
  fc.record({ type: fc.constant("waiting" as const), call: fc.nat(9), retry: fc.constant(retry) }),
  fc.record({
    ...{ type: fc.constant("succeeded" as const), call: fc.nat(9) },
    ...{ provisioned: fc.constant(made), welcome: fc.boolean() },
  }),
  fc.record({ type: fc.constant("failed" as const), call: fc.nat(9), error: fc.constant(error) }),
  fc.record({ type: fc.constant("abandoned" as const), call: fc.nat(9) }),
);

test("after any events: only the answer of the current call provisions, a signed-out state is never provisioned, numbers never fall", () => {
  fc.assert(
    fc.property(fc.array(anyEvent, { maxLength: 40 }), (happened) => {
      let state = signedOut;
      for (const event of happened) {
        const after = decideNext(state, event);
        if (after.status === "provisioned" && state.status !== "provisioned") {
          expect(state.status).toBe("provisioning");
          expect(event).toMatchObject({ type: "succeeded", call: state.call });
          expect([after.userId, after.organizationId]).toEqual([state.userId, state.organizationId]);
        }
        if (after.userId === null) expect(after).toMatchObject({ status: "unprovisioned", error: null });
        if (after.userId !== state.userId || after.organizationId !== state.organizationId)
          expect(after.status).toBe("unprovisioned");
        expect(after.call).toBeGreaterThanOrEqual(state.call);
        state = after;
      }
    }),
  );
});

test("an initial session that names no organization is of any, and of one from then on", () => {
  const initial: ProvisioningState = { ...states.provisioned, organizationId: undefined };
  const followed = decideNext(initial, events["user_a signs in"]);
  expect(followed).toEqual(states.provisioned);
  expect(decideNext(followed, events["user_a switches"])).toEqual(fresh("user_a", "org_b"));
});
