import { useSyncExternalStore } from "react";
import type { Session, Sessions } from "./sessions.ts";

/** The session of the signed-in user; null when no user is signed in. */
export function useSession(sessions: Sessions): Session | null {
  return useSyncExternalStore(sessions.subscribe, sessions.getSession);
}
