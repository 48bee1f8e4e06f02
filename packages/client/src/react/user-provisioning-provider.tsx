import {
  type ReactNode,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import type { Locale } from "../locale.ts";
import type { AnyProvisioned, AnyRollcallClient } from "../rollcall-client.ts";
import { type RollcallError, translateError } from "../rollcall-error.ts";
import { type InitialSession, readInitialSession } from "./initial-session.ts";
import { type CallSettings, createProvisioning, type WatchForeground } from "./provisioning.ts";
import { type Auth, ProvisioningContext } from "./provisioning-context.ts";
import { isOf, type ProvisioningState } from "./state-machine.ts";
import { createUserCaches, type Owner } from "./user-caches.ts";

export type UserProvisioningProviderProps = {
  client: AnyRollcallClient;
  /** The signed-in user: the result of Clerk's `useAuth()`, or another object with a user id and a token. */
  auth: Auth;
  /** The language of messages and of the gate; by default the client's. It may change without a new client. */
  locale?: Locale | undefined;
  /** The wait after a failure before a new call, by default 10 s. It doubles with each failure, up to six times this. */
  healAfterMs?: number | undefined;
  /**
   * User and profile that a server has read for this page: the result of `requireProvisioned()` or of `ensure()`. The page
   * makes no call for this user. It is read once, when the provider is mounted.
   */
  initialSession?: InitialSession | null | undefined;
  /** Called once for each user who has a profile, and after each change of the organization, with the answer or the initial session. */
  onProvisioned?: ((provisioned: AnyProvisioned) => void) | undefined;
  /** Called for each call that failed after all of its attempts. Retryable calls are repeated all the same. */
  onError?: ((error: RollcallError) => void) | undefined;
  /**
   * What happens to caches after a change of user or of the active organization. True: each QueryClient of `useAuthedQuery` is
   * emptied. A function may empty other caches. By default, only the previous answers to `useAuthedQuery` are removed.
   */
  clearOnUserChange?: boolean | (() => void) | undefined;
  /** For React Native: a new call is made when the app comes to the foreground. In a browser the provider sees that itself. */
  watchForeground?: WatchForeground | undefined;
  children?: ReactNode;
};

/**
 * Makes sure that the signed-in user has a profile, and is a member of the active organization. It drops all state of the
 * previous user, and of the previous organization.
 */
export function UserProvisioningProvider(props: UserProvisioningProviderProps): ReactNode {
  const { client, auth, locale = client.locale, children } = props;
  const { isLoaded, user: accountUser } = auth;
  const userId = readUserId(auth);
  const organizationId = (userId !== null && auth.orgId) || null;
  const owner = useMemo(() => ({ userId, organizationId }), [userId, organizationId]);
  // Clients, auth objects and functions are often new in each render. Only a change of owner starts a new call.
  const latest = useLatest({ ...props, locale });

  const [initial] = useState(() => readInitialSession(props.initialSession, client.profile));
  const [provisioning] = useState(() => createProvisioning(initial));
  const wasLoaded = useRef(false);
  // Before the next event, so that a mutation of the next user does not ask for the profile of the previous one.
  useCommitEffect(() => {
    wasLoaded.current ||= isLoaded;
    // Until the user is known for the first time, the initial session waits.
    if (!wasLoaded.current) return undefined;
    return provisioning.follow(owner, () => readCallSettings(latest.current));
  }, [provisioning, latest, isLoaded, owner]);
  const usedLocale = useRef(locale);
  useEffect(() => {
    // The api's message comes in the new language only with a new call.
    if (usedLocale.current !== locale) provisioning.retry();
    usedLocale.current = locale;
  }, [provisioning, locale]);

  const [caches] = useState(createUserCaches);
  const [firstClient] = useState(client);
  const rememberCache = useCallback<ProvisioningContext["rememberCache"]>(
    (key, { clear, forgetOthers }) =>
      caches.remember(key, (signedIn, isOthers) => {
        if (isOthers && latest.current.clearOnUserChange === true) clear();
        else forgetOthers(signedIn);
      }),
    [caches, latest],
  );
  useEffect(() => {
    caches.remember(firstClient, (_, isOthers) => {
      const { clearOnUserChange } = latest.current;
      if (isOthers && typeof clearOnUserChange === "function") clearOnUserChange();
    });
  }, [caches, latest, firstClient]);
  useEffect(() => {
    if (isLoaded) caches.follow(owner);
  }, [caches, isLoaded, owner]);

  const followed = useSyncExternalStore(provisioning.subscribe, provisioning.getState, () => initial);
  const state = useMemo(() => translateState(ofOwner(followed, owner), locale), [followed, owner, locale]);
  const { profile } = client;
  const context = useMemo(
    () => ({ state, isLoaded, accountUser, locale, profile, provisioning, rememberCache }),
    [state, isLoaded, accountUser, locale, profile, provisioning, rememberCache],
  );
  return <ProvisioningContext.Provider value={context}>{children}</ProvisioningContext.Provider>;
}

/** A layout effect. React 18 warns of one on a server, where no effect runs. */
const useCommitEffect = typeof document === "undefined" ? useEffect : useLayoutEffect;

/** A value of the latest render, for functions that run later. */
function useLatest<Value>(value: Value): { readonly current: Value } {
  const latest = useRef(value);
  useCommitEffect(() => {
    latest.current = value;
  });
  return latest;
}

function readCallSettings(props: UserProvisioningProviderProps & { locale: Locale }): CallSettings {
  const { client, auth, locale, healAfterMs = 10_000, onProvisioned, onError, watchForeground } = props;
  const { getToken, orgId: organizationId } = auth;
  return {
    ...{ client, getToken, organizationId, locale, healAfterMs, onProvisioned, onError, watchForeground },
  };
}

/** Between a change of user or organization and its effect, the state still belongs to the previous one. */
function ofOwner(state: ProvisioningState, owner: Owner): ProvisioningState {
  if (!isOf(state, owner)) return { status: "unprovisioned", ...owner, call: state.call, error: null };
  const { organizationId } = owner;
  return state.organizationId === organizationId ? state : { ...state, organizationId };
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
