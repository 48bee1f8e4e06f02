import type { GetToken } from "../rollcall-client.ts";

/** Who is signed in. What Clerk's `useAuth()` or `useUser()` returns fits, and anything else that knows it. */
export type Auth = {
  /** False while nobody can say yet. */
  isLoaded: boolean;
  /** Clerk's id of the user; null when nobody is signed in. */
  userId?: string | null | undefined;
  /** Instead of `userId`. */
  user?: { id: string } | null | undefined;
  /** A session token that is valid now. Without it, the client's own `getToken` is asked. */
  getToken?: GetToken | undefined;
};

/** Clerk's id of who is signed in, as far as that is known. */
export function readUserId({ isLoaded, userId, user }: Auth): string | null {
  return isLoaded ? (userId ?? user?.id ?? null) : null;
}
