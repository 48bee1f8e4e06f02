import type { AdminRole, ProfileShape, SessionAnswer } from "@rollcall/contracts";
import { type QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
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

/** All tabs share the cookie, so a login or logout in one of them changes the session of all. */
const otherTabs = new BroadcastChannel("rollcall-session");

function notifyOtherTabs(): void {
  otherTabs.postMessage(null);
}

/** @returns stops it */
function onChangeElsewhere(listener: () => void): () => void {
  otherTabs.addEventListener("message", listener);
  return () => otherTabs.removeEventListener("message", listener);
}

/** `shown` is the operator whose page is open. It outlives the session, until a logout. */
type Known = { session: SessionAnswer | null; shown: SessionAnswer | null };

export function SessionProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const { data, failureReason } = useQuery({
    queryKey: sessionKey,
    queryFn: async (): Promise<Known> => {
      const session = await getSession();
      const shown = queries.getQueryData<Known>(sessionKey)?.shown ?? null;
      if (session && shown) dropAnswersOfAnother(queries, shown, session);
      return { session, shown: session ?? shown };
    },
    staleTime: Number.POSITIVE_INFINITY,
    // A tab that waited at the login form may have missed a message of another tab.
    refetchOnWindowFocus: ({ state }) => (state.data?.session === null ? "always" : false),
  });
  const session = data?.session;

  useEffect(() => {
    if (session) holdSession(session);
  }, [session]);
  useEffect(
    () => onUnauthenticated(() => void queries.invalidateQueries({ queryKey: sessionKey })),
    [queries],
  );
  useEffect(
    () => onChangeElsewhere(() => void queries.invalidateQueries({ queryKey: sessionKey })),
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
      dropAnswersOfAnother(queries, queries.getQueryData<Known>(sessionKey)?.shown, next);
      queries.setQueryData<Known>(sessionKey, { session: next, shown: next });
      notifyOtherTabs();
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
    notifyOtherTabs();
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

/** An operator must not see what another one loaded. */
function dropAnswersOfAnother(
  queries: QueryClient,
  before: SessionAnswer | null | undefined,
  next: SessionAnswer,
): void {
  if (before?.name !== next.name) queries.removeQueries({ predicate: isAnswer });
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

/** The app's profiles; null for an app without profiles, whose pages do not mention them. */
export function useProfileShape(): ProfileShape | null {
  return useSession().session?.profile ?? null;
}

/** Whether the app has organizations. Without them no page mentions them. */
export function useHasOrganizations(): boolean {
  return useSession().session?.organizations ?? false;
}

const ranks: Readonly<Record<AdminRole, number>> = { viewer: 0, operator: 1, admin: 2 };

/** Whether the operator may do what `role` may. The server decides; the page only leaves out what it would refuse. */
export function useMay(role: AdminRole): boolean {
  const { session } = useSession();
  return session ? ranks[session.role] >= ranks[role] : false;
}
