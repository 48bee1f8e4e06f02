import { useSyncExternalStore } from "react";
import type { Session, Sessions } from "./sessions.ts";

/** Who is signed in; null when nobody is. */
export function useSession(sessions: Sessions): Session | null {
  return useSyncExternalStore(sessions.subscribe, sessions.getSession);
}
