import type { Locale } from "../locale.ts";
import { addJitter } from "../retry-delay.ts";
import type { AnyProvisioned, AnyRollcallClient, GetToken, Retry } from "../rollcall-client.ts";
import { ownError, type RollcallError } from "../rollcall-error.ts";
import { decideNext, isOf, type ProvisioningEvent, type ProvisioningState } from "./state-machine.ts";
import type { Owner } from "./user-caches.ts";
import { decideWelcome, rememberWelcomed } from "./welcome.ts";

/** The settings of calls, read before each call. */
export type CallSettings = {
  client: AnyRollcallClient;
  getToken: GetToken | undefined;
  /** As in the options of `ensure`. */
  organizationId: string | null | undefined;
  locale: Locale;
  healAfterMs: number;
  watchForeground: WatchForeground | undefined;
  onProvisioned: ((provisioned: AnyProvisioned) => void) | undefined;
  onError: ((error: RollcallError) => void) | undefined;
};

/** Calls `onForeground` whenever the app comes to the foreground, until the returned function is called. */
export type WatchForeground = (onForeground: () => void) => () => void;

/** Runs the state machine: makes its calls and notifies its listeners. */
export type Provisioning = {
  getState(): ProvisioningState;
  subscribe(listener: () => void): () => void;
  /** Provisions one user, or no user, until the returned function is called. Call it before the next `follow`. */
  follow(owner: Owner, getSettings: () => CallSettings): () => void;
  /** Tries again now, if no call is in flight. */
  retry(): void;
  dismissWelcome(): void;
  /** Resolves at the next change of the state. */
  whenChanged(): Promise<void>;
  /**
   * Resolves when the user who is signed in now has a profile.
   *
   * @throws RollcallError of the call that failed; `no_token` without a user; `aborted` after a change of user or organization
   */
  whenProvisioned(locale: Locale): Promise<void>;
};

/** Makes one; it is idle until `follow` is called. */
export function createProvisioning(initial: ProvisioningState): Provisioning {
  let state = initial;
  let isFirst = true;
  let changed: Promise<void> | undefined;
  let pause: Pause | undefined;
  let notifyTabs: (news: "welcomed") => void = () => {};
  const listeners = new Set<() => void>();

  return {
    getState: () => state,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    follow,
    retry: () => pause?.end(),
    dismissWelcome() {
      if (state.userId !== null) rememberWelcomed(state.userId);
      send({ type: "welcomed" });
      notifyTabs("welcomed");
    },
    whenChanged,
    async whenProvisioned(locale) {
      const { userId, organizationId = null } = state;
      if (userId === null) throw ownError("no_token", locale, { retryable: false });
      while (state.status !== "provisioned") {
        if (state.status === "unprovisioned" && state.error) throw state.error;
        await whenChanged();
        if (!isOf(state, { userId, organizationId })) throw ownError("aborted", locale, { retryable: false });
      }
    },
  };

  // One promise until the change: React asks again for the promise that a suspended component threw.
  function whenChanged(): Promise<void> {
    changed ??= new Promise((resolve) => {
      const listener = () => {
        listeners.delete(listener);
        changed = undefined;
        resolve();
      };
      listeners.add(listener);
    });
    return changed;
  }

  function send(event: ProvisioningEvent): void {
    const next = decideNext(state, event);
    if (next === state) return;
    state = next;
    for (const listener of listeners) listener();
  }

  function follow(owner: Owner, getSettings: () => CallSettings): () => void {
    const { userId } = owner;
    send({ type: "user", ...owner });
    if (userId === null) return () => {};
    if (isFirst && state.status === "provisioned") greet(state.provisioned, getSettings());
    isFirst = false;
    const stop = new AbortController();
    const tabs = openTabs(userId, (news) =>
      news === "welcomed" ? send({ type: "welcomed" }) : pause?.end(),
    );
    notifyTabs = tabs.send;
    void provision(userId, getSettings, stop.signal).then((made) => made && tabs.send("provisioned"));
    return () => {
      stop.abort();
      pause?.end();
      tabs.close();
      send({ type: "abandoned", call: state.call });
    };
  }

  /** A server has no storage from which it could tell whether the welcome was dismissed. */
  function greet(given: AnyProvisioned, { client, onProvisioned }: CallSettings): void {
    send({ type: "greeted", welcome: decideWelcome(given, client.profile) });
    tell(onProvisioned, given);
  }

  /** Repeats the call until there is a profile, with pauses after failures; false when it was stopped before. */
  async function provision(
    userId: string,
    getSettings: () => CallSettings,
    signal: AbortSignal,
  ): Promise<boolean> {
    for (let failures = 0; ; failures++) {
      send({ type: "asked" });
      if (state.status !== "provisioning") return false;
      const { call } = state;
      const { client, getToken, organizationId, locale, healAfterMs, watchForeground } = getSettings();
      try {
        const onRetry = (retry: Retry) => send({ type: "waiting", call, retry });
        const provisioned = await client.ensure({
          ...{ userId, organizationId, token: getToken, signal, locale, onRetry },
        });
        if (signal.aborted) return false;
        send({ type: "succeeded", call, provisioned, welcome: decideWelcome(provisioned, client.profile) });
        tell(getSettings().onProvisioned, provisioned);
        return true;
      } catch (thrown) {
        if (signal.aborted) return false;
        // ensure throws no other error.
        const error = thrown as RollcallError;
        pause = pauseAfter(error, failures, healAfterMs, watchForeground);
        send({ type: "failed", call, error });
        tell(getSettings().onError, error);
        await pause.over;
        if (signal.aborted) return false;
      }
    }
  }
}

/** Tells the app, after the page has the new state. What the app's function throws is the app's, and stops nothing here. */
function tell<News>(listener: ((news: News) => void) | undefined, news: News): void {
  if (listener) queueMicrotask(() => listener(news));
}

type Pause = { over: Promise<void>; end(): void };

/** The longest pause is this many times the first pause. */
const mostGrowth = 6;

/** The longest wait that the api can ask for. Its rate limit asks for up to 60 s. */
const longestAskedMs = 60_000;

/**
 * The pause after a failed call. `end` ends it. After a retryable error the pause also ends by itself: after a time that
 * doubles with each failure, when the network is back, or when the page or the app comes to the foreground.
 *
 * @param failures number of failed calls before this one
 * @param firstMs length of the first pause
 */
export function pauseAfter(
  error: RollcallError,
  failures: number,
  firstMs: number,
  watchForeground?: WatchForeground,
): Pause {
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  if (!error.retryable) return { over, end };

  const plannedMs = firstMs * Math.min(mostGrowth, 2 ** failures);
  const askedMs = Math.min(longestAskedMs, error.retryAfterMs ?? 0);
  const timer = setTimeout(end, addJitter(Math.max(plannedMs, askedMs)));
  const endWhenVisible = () => document.visibilityState === "visible" && end();
  // React Native has neither of the two events; its apps pass `watchForeground`.
  globalThis.window?.addEventListener?.("online", end);
  globalThis.document?.addEventListener("visibilitychange", endWhenVisible);
  const unwatch = watchForeground?.(end);
  const cleared = over.then(() => {
    unwatch?.();
    clearTimeout(timer);
    globalThis.window?.removeEventListener?.("online", end);
    globalThis.document?.removeEventListener("visibilitychange", endWhenVisible);
  });
  return { over: cleared, end };
}

/** A message from one tab to the other tabs of the same user. */
type News = "provisioned" | "welcomed";

/**
 * Connects the tabs in which the same user is signed in. A message holds no data of the user: after it, a tab makes its own
 * call.
 */
function openTabs(userId: string, onNews: (news: News) => void): { send(news: News): void; close(): void } {
  // In old browsers without BroadcastChannel, each tab makes its own calls.
  if (typeof BroadcastChannel !== "function") return { send: () => {}, close: () => {} };
  let open = true;
  const channel = new BroadcastChannel(`rollcall ${userId}`);
  channel.onmessage = ({ data }) => {
    if (data === "provisioned" || data === "welcomed") onNews(data);
  };
  return {
    // A closed channel would throw.
    send: (news) => open && channel.postMessage(news),
    close() {
      open = false;
      channel.close();
    },
  };
}
