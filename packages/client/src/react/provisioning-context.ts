import { createContext, useContext } from "react";
import type { Locale } from "../locale.ts";
import type { GetToken } from "../rollcall-client.ts";
import type { Provisioning } from "./provisioning.ts";
import type { ProvisioningState } from "./state-machine.ts";
import type { Owner } from "./user-caches.ts";

/** The signed-in user. The result of Clerk's `useAuth()` or `useUser()` fits, and so does any other object of this shape. */
export type Auth = {
  /** False while the signed-in user is not known yet. */
  isLoaded: boolean;
  /** Clerk's id of the user; null when no user is signed in. */
  userId?: string | null | undefined;
  /** Instead of `userId`. */
  user?: { id: string } | null | undefined;
  /** Clerk's id of the active organization; null for the personal account. An app without organizations leaves it out. */
  orgId?: string | null | undefined;
  /** Returns a valid session token. Without it, the client's own `getToken` is used. */
  getToken?: GetToken | undefined;
};

/** The provider's value for all components below it. */
export type ProvisioningContext = {
  state: ProvisioningState;
  /** False while the signed-in user is not known yet. */
  isLoaded: boolean;
  /** The `user` of the auth object, if it has one. */
  accountUser: Auth["user"];
  locale: Locale;
  /** The profile's name in answers; null for an app without profiles. */
  profile: string | null;
  provisioning: Pick<Provisioning, "retry" | "dismissWelcome" | "whenChanged" | "whenProvisioned">;
  /** Adds a cache with answers to the signed-in user, once for each key. */
  rememberCache: (key: object, cache: UserCache) => void;
};

export type UserCache = {
  /** Removes the answers to other users, and those of other organizations. */
  forgetOthers: (owner: Owner) => void;
  /** Removes everything. */
  clear: () => void;
};

export const ProvisioningContext = createContext<ProvisioningContext | null>(null);

/** @throws Error outside of the provider */
export function useProvisioningContext(): ProvisioningContext {
  const context = useContext(ProvisioningContext);
  if (!context) throw new Error("Put <UserProvisioningProvider> above this component");
  return context;
}
