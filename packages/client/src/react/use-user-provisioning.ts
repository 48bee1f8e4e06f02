import type { RollcallError } from "../rollcall-error.ts";
import type { Mentorado, User } from "../wire.ts";
import { useProvisioningContext } from "./provisioning-context.ts";

/** The state of provisioning for the signed-in user, with the values that a page or a toast needs. */
export type UserProvisioning = {
  /** False while the signed-in user is not known yet. */
  isLoaded: boolean;
  /** Clerk's id of the signed-in user; null when no user is signed in or the user is not known yet. */
  userId: string | null;
  /** Tries again now, if no call is in flight. */
  retry: () => void;
  dismissWelcome: () => void;
} & (
  | {
      status: "unprovisioned";
      user: null;
      mentorado: null;
      /** The reason why there is no profile; null before the first call. */
      error: RollcallError | null;
    }
  | {
      status: "provisioning";
      user: null;
      mentorado: null;
      /** The error of the previous call. While it is set, show "trying again". */
      error: RollcallError | null;
      /** The number of the current or next attempt of this call. */
      attempt: number;
      /** The wait before that attempt in milliseconds; null for the first attempt. */
      retryingInMs: number | null;
    }
  | {
      status: "provisioned";
      user: User;
      /** Null for admins. */
      mentorado: Mentorado | null;
      error: null;
      /** The profile was made by this call, or while this call waited. */
      created: boolean;
      /** Postgres is away, and the answer comes from the cache. */
      stale: boolean;
      /** The profile is new, and its welcome was not dismissed in this browser. The webhook may have made the profile. */
      welcome: boolean;
    }
);

/** Returns the state of provisioning for the signed-in user. */
export function useUserProvisioning(): UserProvisioning {
  const { state, isLoaded, retry, dismissWelcome } = useProvisioningContext();
  const all = { isLoaded, userId: state.userId, retry, dismissWelcome };
  switch (state.status) {
    case "unprovisioned":
      return { ...all, status: state.status, user: null, mentorado: null, error: state.error };
    case "provisioning": {
      const { attempt = 1, delayMs: retryingInMs = null } = state.retry ?? {};
      const { status, error } = state;
      return { ...all, status, user: null, mentorado: null, error, attempt, retryingInMs };
    }
    case "provisioned":
      return { ...all, status: state.status, error: null, ...state.provisioned, welcome: state.welcome };
    default:
      return state satisfies never;
  }
}
