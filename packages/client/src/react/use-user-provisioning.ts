import type { RollcallError } from "../rollcall-error.ts";
import type { Key, Mentorado, Named, Organization, User } from "../wire.ts";
import { useProvisioningContext } from "./provisioning-context.ts";

/** The state of provisioning for the signed-in user, with the values that a page or a toast needs. */
export type UserProvisioning<
  P extends object = Mentorado,
  K extends Key = number,
  N extends string = "mentorado",
> = {
  /** False while the signed-in user is not known yet. */
  isLoaded: boolean;
  /** Clerk's id of the signed-in user; null when no user is signed in or the user is not known yet. */
  userId: string | null;
  /** Clerk's id of the active organization; null without one. */
  organizationId: string | null;
  /** Tries again now, if no call is in flight. */
  retry: () => void;
  dismissWelcome: () => void;
} & (
  | (Named<null, N> & {
      status: "unprovisioned";
      user: null;
      organization: null;
      /** The reason why there is no profile; null before the first call. */
      error: RollcallError | null;
    })
  | (Named<null, N> & {
      status: "provisioning";
      user: null;
      organization: null;
      /** The error of the previous call. While it is set, show "trying again". */
      error: RollcallError | null;
      /** The number of the current or next attempt of this call. */
      attempt: number;
      /** The wait before that attempt in milliseconds; null for the first attempt. */
      retryingInMs: number | null;
    })
  // The profile is null for admins.
  | (Named<P | null, N> & {
      status: "provisioned";
      user: User<K>;
      /** The active organization with the user's role; null for the personal account, and without organizations. */
      organization: Organization | null;
      error: null;
      /** The profile was made by this call, or while this call waited. */
      created: boolean;
      /** Postgres is away, and the answer comes from the cache. */
      stale: boolean;
      /** The profile is new, and its welcome was not dismissed in this browser. The webhook may have made the profile. */
      welcome: boolean;
    })
);

/** Returns the state of provisioning for the signed-in user. */
export function useUserProvisioning<
  P extends object = Mentorado,
  K extends Key = number,
  N extends string = "mentorado",
>(): UserProvisioning<P, K, N> {
  // The client's types are a promise of the app too.
  return useAnyProvisioning() as UserProvisioning<P, K, N>;
}

function useAnyProvisioning() {
  const { state, isLoaded, profile, provisioning } = useProvisioningContext();
  const { retry, dismissWelcome } = provisioning;
  const { userId, organizationId = null } = state;
  const all = { isLoaded, userId, organizationId, retry, dismissWelcome };
  const none = { user: null, organization: null, ...(profile !== null && { [profile]: null }) };
  switch (state.status) {
    case "unprovisioned":
      return { ...all, status: state.status, ...none, error: state.error };
    case "provisioning": {
      const { attempt = 1, delayMs: retryingInMs = null } = state.retry ?? {};
      const { status, error } = state;
      return { ...all, status, ...none, error, attempt, retryingInMs };
    }
    case "provisioned": {
      const { status, provisioned, welcome } = state;
      const { organization = null } = provisioned;
      return { ...all, status, error: null, ...provisioned, organization, welcome };
    }
    default:
      return state satisfies never;
  }
}
