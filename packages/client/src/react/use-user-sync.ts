import { useProvisioningContext } from "./provisioning-context.ts";

/** The shape of the answers of Clerk's `useUser`. */
export type UserSync<User extends { id: string }> =
  | { isLoaded: false; isSignedIn: undefined; user: undefined }
  | { isLoaded: true; isSignedIn: false; user: null }
  | { isLoaded: true; isSignedIn: true; user: User };

/**
 * Replaces an app's own `useUserSync`, which reads Clerk's `useUser` and syncs in an effect. The provider does the sync,
 * once per signed-in user for any number of components, and repeats it until it succeeds.
 *
 * @param clerkUser the result of `useUser()`; it is returned unchanged
 */
export function useUserSync(): UserSync<{ id: string }>;
export function useUserSync<ClerkUser>(clerkUser: ClerkUser): ClerkUser;
export function useUserSync<ClerkUser>(clerkUser?: ClerkUser): ClerkUser | UserSync<{ id: string }> {
  const { isLoaded, accountUser, state } = useProvisioningContext();
  if (clerkUser !== undefined) return clerkUser;
  if (!isLoaded) return { isLoaded: false, isSignedIn: undefined, user: undefined };
  if (state.userId === null) return { isLoaded: true, isSignedIn: false, user: null };
  return { isLoaded: true, isSignedIn: true, user: accountUser ?? { id: state.userId } };
}
