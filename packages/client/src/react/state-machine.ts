import type { Provisioned, Retry } from "../rollcall-client.ts";
import type { RollcallError } from "../rollcall-error.ts";

type Whose = {
  /** Clerk's id of who is signed in; null when nobody is. */
  userId: string | null;
  /**
   * The number of the call that may change this state: only its own answer counts. It grows with each call and
   * each change of user, so whatever is late is known by its number.
   */
  call: number;
};

/** Where a user is on the way to a profile. */
export type ProvisioningState = Whose &
  (
    | { status: "unprovisioned"; error: RollcallError | null }
    /** `error` is why the call before this one failed; `retry` is the attempt within this call that comes next. */
    | { status: "provisioning"; error: RollcallError | null; retry: Retry | null }
    /** `welcome` until a person has seen that their profile was made. */
    | { status: "provisioned"; provisioned: Provisioned; welcome: boolean }
  );

/** What may happen. A number says to which call it belongs. */
export type ProvisioningEvent =
  | { type: "user"; userId: string | null }
  | { type: "asked" }
  | { type: "waiting"; call: number; retry: Retry }
  | { type: "succeeded"; call: number; provisioned: Provisioned; welcome: boolean }
  | { type: "failed"; call: number; error: RollcallError }
  | { type: "abandoned"; call: number }
  | { type: "welcomed" };

export const signedOut: ProvisioningState = { status: "unprovisioned", userId: null, call: 0, error: null };

/** Decides the state that follows. What has no place in a state leaves it as it is, the same object. */
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
    case "provisioned":
      return event.type === "welcomed" && state.welcome ? { ...state, welcome: false } : state;
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
