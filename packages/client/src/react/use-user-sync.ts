import { useProvisioningContext } from "./provisioning-context.ts";

/** As Clerk's `useUser` answers. */
export type UserSync<User extends { id: string }> =
  | { isLoaded: false; isSignedIn: undefined; user: undefined }
  | { isLoaded: true; isSignedIn: false; user: null }
  | { isLoaded: true; isSignedIn: true; user: User };

/**
 * Stands where a `useUserSync` of the app's own stood, which read Clerk's `useUser` and synced in an effect. The
 * sync is the provider's: once per signed-in user, however many components ask, and done only when it succeeded.
 *
 * @param clerkUser what `useUser()` returned; it is handed back as it came
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
