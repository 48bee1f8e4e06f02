import type { AnyProvisioned, Retry } from "../rollcall-client.ts";
import type { RollcallError } from "../rollcall-error.ts";

type Base = {
  /** Clerk's id of the signed-in user; null when no user is signed in. */
  userId: string | null;
  /**
   * The number of the call whose answer may change this state. It grows with each call and each change of user, so a late
   * answer is recognized by its number.
   */
  call: number;
};

/** The state of provisioning for one user. */
export type ProvisioningState = Base &
  (
    | { status: "unprovisioned"; error: RollcallError | null }
    /** `error` is the error of the previous call; `retry` is the next attempt within this call. */
    | { status: "provisioning"; error: RollcallError | null; retry: Retry | null }
    /** `welcome` is true until the user has dismissed the welcome for a new profile. */
    | { status: "provisioned"; provisioned: AnyProvisioned; welcome: boolean }
  );

/** The events. `call` is the number of the call that an event belongs to. */
export type ProvisioningEvent =
  | { type: "user"; userId: string | null }
  | { type: "asked" }
  | { type: "waiting"; call: number; retry: Retry }
  | { type: "succeeded"; call: number; provisioned: AnyProvisioned; welcome: boolean }
  | { type: "failed"; call: number; error: RollcallError }
  | { type: "abandoned"; call: number }
  /** The browser decided about the welcome of a session that the server rendered. */
  | { type: "greeted"; welcome: boolean }
  | { type: "welcomed" };

export const signedOut: ProvisioningState = { status: "unprovisioned", userId: null, call: 0, error: null };

/** Decides the next state. An event that does not apply returns the same object. */
export function decideNext(state: ProvisioningState, event: ProvisioningEvent): ProvisioningState {
  const { userId, call } = state;
  if (event.type === "user") {
    if (event.userId === userId) return state;
    return { status: "unprovisioned", userId: event.userId, call: call + 1, error: null };
  }
  switch (state.status) {
    case "unprovisioned": {
      if (event.type !== "asked" || userId === null) return state;
      return { status: "provisioning", userId, call: call + 1, error: state.error, retry: null };
    }
    case "provisioning":
      return decideWhileProvisioning(state, event);
    case "provisioned": {
      if (event.type !== "welcomed" && event.type !== "greeted") return state;
      const welcome = event.type === "greeted" && event.welcome;
      return welcome === state.welcome ? state : { ...state, welcome };
    }
    default:
      return state satisfies never;
  }
}

function decideWhileProvisioning(
  state: Extract<ProvisioningState, { status: "provisioning" }>,
  event: Exclude<ProvisioningEvent, { type: "user" }>,
): ProvisioningState {
  const { userId, call } = state;
  if (!("call" in event) || event.call !== call) return state;
  switch (event.type) {
    case "waiting":
      return { ...state, retry: event.retry };
    case "succeeded":
      return {
        status: "provisioned",
        ...{ userId, call, provisioned: event.provisioned, welcome: event.welcome },
      };
    case "failed":
      return { status: "unprovisioned", userId, call, error: event.error };
    case "abandoned":
      return { status: "unprovisioned", userId, call, error: state.error };
    default:
      return event satisfies never;
  }
}
