import type { RollcallError } from "../rollcall-error.ts";
import type { Mentorado, User } from "../wire.ts";
import { useProvisioningContext } from "./provisioning-context.ts";

/** Where the signed-in user is on the way to a profile, and all that a page or a toast needs to tell of it. */
export type UserProvisioning = {
  /** False while nobody can say who is signed in. */
  isLoaded: boolean;
  /** Clerk's id of who is signed in; null when nobody is, or nobody knows yet. */
  userId: string | null;
  /** Tries again now, if nothing is under way. */
  retry: () => void;
  dismissWelcome: () => void;
} & (
  | {
      status: "unprovisioned";
      user: null;
      mentorado: null;
      /** Why there is no profile; null before the first call. */
      error: RollcallError | null;
    }
  | {
      status: "provisioning";
      user: null;
      mentorado: null;
      /** Why the call before this one failed: with it, this is "trying again". */
      error: RollcallError | null;
      /** Which attempt of this call is under way, or comes next. */
      attempt: number;
      /** How long the wait before that attempt was or is, in milliseconds; null in the first attempt. */
      retryingInMs: number | null;
    }
  | {
      status: "provisioned";
      user: User;
      /** Null for admins. */
      mentorado: Mentorado | null;
      error: null;
      /** The profile was made by this call, or while it waited. */
      created: boolean;
      /** Postgres is away: this is what the cache knew. */
      stale: boolean;
      /** The profile was made just now, by whatever was fastest, and its welcome was not dismissed in this browser. */
      welcome: boolean;
    }
);

/** Tells of the signed-in user's profile. */
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
