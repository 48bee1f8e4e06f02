import type { AdminRole, SessionAnswer } from "@rollcall/contracts";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { ApiProblem, get, holdCsrfToken, postAccess } from "./request.ts";

type Session = {
  /** undefined: not known yet. null: no operator is logged in. */
  session: SessionAnswer | null | undefined;
  /** The session ended while a page was open. The page stays below the login form, with what was typed. */
  hasExpired: boolean;
  /** Why the session is not known. */
  problem: ApiProblem | null;
  logIn(name: string, password: string): Promise<void>;
  logOut(): Promise<void>;
  /** Asks again after a failure. */
  retry(): void;
};

const context = createContext<Session | undefined>(undefined);

export const sessionKey = ["session"] as const;

/** Listeners of answers that say that the session is over. */
const listeners = new Set<() => void>();

/** Reports an answer of 401 to a request of a page. */
export function reportExpired(): void {
  for (const listener of listeners) listener();
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [hasExpired, setHasExpired] = useState(false);
  const { data, error, refetch } = useQuery({
    queryKey: sessionKey,
    queryFn: readSession,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (data) holdCsrfToken(data.csrf);

  useEffect(() => {
    const expire = () => setHasExpired(true);
    listeners.add(expire);
    return () => void listeners.delete(expire);
  }, []);

  const logIn = useCallback(
    async (name: string, password: string) => {
      const session = await postAccess<SessionAnswer>("/admin/login", { name, password });
      holdCsrfToken(session.csrf);
      // Another operator must not see what the first one loaded.
      if (queries.getQueryData<SessionAnswer | null>(sessionKey)?.name !== session.name)
        queries.removeQueries({ predicate: isData });
      queries.setQueryData(sessionKey, session);
      setHasExpired(false);
      await queries.invalidateQueries({ predicate: isData });
    },
    [queries],
  );
  const logOut = useCallback(async () => {
    await postAccess("/admin/logout");
    holdCsrfToken(undefined);
    queries.removeQueries({ predicate: isData });
    queries.setQueryData(sessionKey, null);
  }, [queries]);

  const problem = error instanceof ApiProblem ? error : null;
  const value = useMemo(
    () => ({ session: data, hasExpired, problem, logIn, logOut, retry: () => void refetch() }),
    [data, hasExpired, problem, logIn, logOut, refetch],
  );
  return <context.Provider value={value}>{children}</context.Provider>;
}

function isData({ queryKey }: { queryKey: readonly unknown[] }): boolean {
  return queryKey[0] !== sessionKey[0];
}

async function readSession(): Promise<SessionAnswer | null> {
  try {
    return await get<SessionAnswer>("/session");
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) return null;
    throw error;
  }
}

export function useSession(): Session {
  const session = useContext(context);
  if (!session) throw new Error("useSession needs a SessionProvider");
  return session;
}

const ranks: Readonly<Record<AdminRole, number>> = { viewer: 0, operator: 1, admin: 2 };

/** Whether the operator may do what `role` may. The server decides; the page only leaves out what it would refuse. */
export function useMay(role: AdminRole): boolean {
  const { session } = useSession();
  return session ? ranks[session.role] >= ranks[role] : false;
}
