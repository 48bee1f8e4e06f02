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
import type { AnyRollcallClient } from "../rollcall-client.ts";
import { translateError } from "../rollcall-error.ts";
import { type CallSettings, createProvisioning } from "./provisioning.ts";
import { type Auth, ProvisioningContext } from "./provisioning-context.ts";
import { forgetOthers } from "./query-scope.ts";
import { type ProvisioningState, signedOut } from "./state-machine.ts";

export type UserProvisioningProviderProps = {
  client: AnyRollcallClient;
  /** The signed-in user: the result of Clerk's `useAuth()`, or another object with a user id and a token. */
  auth: Auth;
  /** The language of messages and of the gate; by default the client's. It may change without a new client. */
  locale?: Locale | undefined;
  /** The wait after a failure before a new call, by default 10 s. It doubles with each failure, up to six times this. */
  healAfterMs?: number | undefined;
  children?: ReactNode;
};

/** Makes sure that the signed-in user has a profile, and drops all state of the previous user. */
export function UserProvisioningProvider(props: UserProvisioningProviderProps): ReactNode {
  const { client, auth, locale = client.locale, healAfterMs = 10_000, children } = props;
  const { isLoaded, user: accountUser } = auth;
  const userId = readUserId(auth);
  const [provisioning] = useState(createProvisioning);
  const settings = useRef<CallSettings>({ client, getToken: auth.getToken, locale, healAfterMs });
  const queries = useContext(QueryClientContext);

  // Clients and auth objects are often new in each render. Only a change of user starts a new call.
  useEffect(() => {
    settings.current = { client, getToken: auth.getToken, locale, healAfterMs };
  });
  useEffect(() => provisioning.follow(userId, () => settings.current), [provisioning, userId]);
  const usedLocale = useRef(locale);
  useEffect(() => {
    // The api's message comes in the new language only with a new call.
    if (usedLocale.current !== locale) provisioning.retry();
    usedLocale.current = locale;
  }, [provisioning, locale]);
  useEffect(() => {
    if (queries && isLoaded) forgetOthers(queries, userId);
  }, [queries, isLoaded, userId]);

  const followed = useSyncExternalStore(provisioning.subscribe, provisioning.getState, () => signedOut);
  const state = useMemo(() => translateState(ofUser(followed, userId), locale), [followed, userId, locale]);
  const { retry, dismissWelcome } = provisioning;
  const { profile } = client;
  const context = useMemo(
    () => ({ state, isLoaded, accountUser, locale, profile, retry, dismissWelcome }),
    [state, isLoaded, accountUser, locale, profile, retry, dismissWelcome],
  );
  return <ProvisioningContext.Provider value={context}>{children}</ProvisioningContext.Provider>;
}

/** Between a change of user and its effect, the state still belongs to the previous user. */
function ofUser(state: ProvisioningState, userId: string | null): ProvisioningState {
  if (state.userId === userId) return state;
  return { status: "unprovisioned", userId, call: state.call, error: null };
}

/** Translates the error into the current language. */
function translateState(state: ProvisioningState, locale: Locale): ProvisioningState {
  if (state.status === "provisioned" || state.error === null) return state;
  return { ...state, error: translateError(state.error, locale) };
}

/** Clerk's id of the signed-in user, or null while it is not known. */
function readUserId({ isLoaded, userId, user }: Auth): string | null {
  return isLoaded ? (userId ?? user?.id ?? null) : null;
}
