import type { AdminRole, SessionAnswer } from "@rollcall/contracts";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef } from "react";
import { retryNow } from "./queries.ts";
import { ApiProblem, getSession, holdSession, onUnauthenticated, postAccess } from "./request.ts";

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

const sessionKey = ["session"] as const;

/** `shown` is the operator whose page is open. It outlives the session, until a logout. */
type Known = { session: SessionAnswer | null; shown: SessionAnswer | null };

export function SessionProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const { data, failureReason } = useQuery({
    queryKey: sessionKey,
    queryFn: async (): Promise<Known> => {
      const session = await getSession();
      return { session, shown: session ?? queries.getQueryData<Known>(sessionKey)?.shown ?? null };
    },
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
  const session = data?.session;

  useEffect(() => {
    if (session) holdSession(session);
  }, [session]);
  useEffect(
    () => onUnauthenticated(() => void queries.invalidateQueries({ queryKey: sessionKey })),
    [queries],
  );
  const csrf = session?.csrf;
  const csrfBefore = useRef(csrf);
  useEffect(() => {
    // A new session, perhaps of another tab: what the old one was refused is asked for again.
    if (csrf !== undefined && csrfBefore.current !== undefined && csrf !== csrfBefore.current)
      void queries.invalidateQueries({ predicate: isAnswer });
    csrfBefore.current = csrf ?? csrfBefore.current;
  }, [csrf, queries]);

  const logIn = useCallback(
    async (name: string, password: string) => {
      const next = await postAccess<SessionAnswer>("/admin/login", { name, password });
      holdSession(next);
      await queries.cancelQueries({ queryKey: sessionKey });
      // Another operator must not see what the first one loaded.
      if (queries.getQueryData<Known>(sessionKey)?.shown?.name !== next.name)
        queries.removeQueries({ predicate: isAnswer });
      queries.setQueryData<Known>(sessionKey, { session: next, shown: next });
    },
    [queries],
  );
  const logOut = useCallback(async () => {
    await postAccess("/admin/logout").catch((error) => {
      // The session was over already.
      if (!(error instanceof ApiProblem) || error.status !== 401) throw error;
    });
    holdSession(undefined);
    queries.setQueryData<Known>(sessionKey, { session: null, shown: null });
    queries.removeQueries({ predicate: isAnswer });
  }, [queries]);

  const value = useMemo(
    () => ({
      session: data?.session ?? data?.shown,
      hasExpired: data !== undefined && data.session === null && data.shown !== null,
      problem: failureReason instanceof ApiProblem ? failureReason : null,
      logIn,
      logOut,
      retry: () => void retryNow(queries),
    }),
    [data, failureReason, logIn, logOut, queries],
  );
  return <context.Provider value={value}>{children}</context.Provider>;
}

/** Whether a query holds an answer that needs a session. */
function isAnswer({ queryKey }: { queryKey: readonly unknown[] }): boolean {
  return queryKey[0] !== sessionKey[0];
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
