import type { AnyProvisioned, Retry } from "../rollcall-client.ts";
import type { RollcallError } from "../rollcall-error.ts";
import type { Owner } from "./user-caches.ts";

type Base = {
  /** Clerk's id of the signed-in user; null when no user is signed in. */
  userId: string | null;
  /** Clerk's id of the active organization; null without one. Undefined in an initial session that names none: any. */
  organizationId: string | null | undefined;
  /**
   * The number of the call whose answer may change this state. It grows with each call and each change of user or organization, so a late
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
  | ({ type: "user" } & Owner)
  | { type: "asked" }
  | { type: "waiting"; call: number; retry: Retry }
  | { type: "succeeded"; call: number; provisioned: AnyProvisioned; welcome: boolean }
  | { type: "failed"; call: number; error: RollcallError }
  | { type: "abandoned"; call: number }
  /** The browser decided about the welcome of a session that the server rendered. */
  | { type: "greeted"; welcome: boolean }
  | { type: "welcomed" };

export const signedOut: ProvisioningState = {
  status: "unprovisioned",
  userId: null,
  organizationId: null,
  call: 0,
  error: null,
};

/** Whether a state is of this user in this organization. */
export function isOf(state: ProvisioningState, { userId, organizationId }: Owner): boolean {
  return (
    state.userId === userId && (state.organizationId === undefined || state.organizationId === organizationId)
  );
}

/** Decides the next state. An event that does not apply returns the same object. */
export function decideNext(state: ProvisioningState, event: ProvisioningEvent): ProvisioningState {
  const { userId, organizationId, call } = state;
  if (event.type === "user") {
    const { type: _, ...owner } = event;
    if (!isOf(state, owner)) return { status: "unprovisioned", ...owner, call: call + 1, error: null };
    return organizationId === undefined ? { ...state, organizationId: event.organizationId } : state;
  }
  switch (state.status) {
    case "unprovisioned": {
      if (event.type !== "asked" || userId === null) return state;
      const owner = { userId, organizationId };
      return { status: "provisioning", ...owner, call: call + 1, error: state.error, retry: null };
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
  const { userId, organizationId, call } = state;
  const owner = { userId, organizationId };
  if (!("call" in event) || event.call !== call) return state;
  switch (event.type) {
    case "waiting":
      return { ...state, retry: event.retry };
    case "succeeded":
      return {
        status: "provisioned",
        ...{ ...owner, call, provisioned: event.provisioned, welcome: event.welcome },
      };
    case "failed":
      return { status: "unprovisioned", ...owner, call, error: event.error };
    case "abandoned":
      return { status: "unprovisioned", ...owner, call, error: state.error };
    default:
      return event satisfies never;
  }
}
