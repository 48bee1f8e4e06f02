import { QueryClientContext } from "@tanstack/react-query";
import {
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import type { Locale } from "../locale.ts";
import type { RollcallClient } from "../rollcall-client.ts";
import { translateError } from "../rollcall-error.ts";
import { type Auth, readUserId } from "./auth.ts";
import { createProvisioning, type Means } from "./provisioning.ts";
import { ProvisioningContext } from "./provisioning-context.ts";
import { forgetOthers } from "./query-scope.ts";
import { type ProvisioningState, signedOut } from "./state-machine.ts";

export type UserProvisioningProviderProps = {
  client: RollcallClient;
  /** Who is signed in: Clerk's `useAuth()`, or anything that gives a user id and a token. */
  auth: Auth;
  /** The language of messages and of the gate; by default the client's. It may change at any time, the client need not. */
  locale?: Locale | undefined;
  /** How long after a failure it tries again by itself; doubles up to six times this. By default 10 s. */
  healAfterMs?: number | undefined;
  children?: ReactNode;
};

/** Sees to it that whoever is signed in has a profile, and forgets one user before it turns to the next. */
export function UserProvisioningProvider(props: UserProvisioningProviderProps): ReactNode {
  const { client, auth, locale = client.locale, healAfterMs = 10_000, children } = props;
  const { isLoaded, user: accountUser } = auth;
  const userId = readUserId(auth);
  const [provisioning] = useState(createProvisioning);
  const means = useRef<Means>({ client, getToken: auth.getToken, locale, healAfterMs });
  const queries = useContext(QueryClientContext);

  // Clients and auth objects are often new in each render; only a change of user begins anew.
  useEffect(() => {
    means.current = { client, getToken: auth.getToken, locale, healAfterMs };
  });
  useEffect(() => provisioning.follow(userId, () => means.current), [provisioning, userId]);
  const spoken = useRef(locale);
  useEffect(() => {
    // The api's own sentence comes in the new language only when it is asked for again.
    if (spoken.current !== locale) provisioning.retry();
    spoken.current = locale;
  }, [provisioning, locale]);
  useEffect(() => {
    if (queries && isLoaded) forgetOthers(queries, userId);
  }, [queries, isLoaded, userId]);

  const followed = useSyncExternalStore(provisioning.subscribe, provisioning.getState, () => signedOut);
  const state = useMemo(() => speak(ofUser(followed, userId), locale), [followed, userId, locale]);
  const { retry, dismissWelcome } = provisioning;
  const context = useMemo(
    () => ({ state, isLoaded, accountUser, locale, retry, dismissWelcome }),
    [state, isLoaded, accountUser, locale, retry, dismissWelcome],
  );
  return <ProvisioningContext.Provider value={context}>{children}</ProvisioningContext.Provider>;
}

/** Between a change of user and the effect that hears of it, the state is still of the user before. */
function ofUser(state: ProvisioningState, userId: string | null): ProvisioningState {
  if (state.userId === userId) return state;
  return { status: "unprovisioned", userId, call: state.call, error: null };
}

/** What went wrong, in the language that is spoken now. */
function speak(state: ProvisioningState, locale: Locale): ProvisioningState {
  if (state.status === "provisioned" || state.error === null) return state;
  return { ...state, error: translateError(state.error, locale) };
}
