import type { Locale } from "../locale.ts";
import type { GetToken, Retry, RollcallClient } from "../rollcall-client.ts";
import type { RollcallError } from "../rollcall-error.ts";
import { type Pause, pauseAfter } from "./pause.ts";
import { decideNext, type ProvisioningEvent, type ProvisioningState, signedOut } from "./state-machine.ts";
import { openTabs } from "./tabs.ts";
import { decideWelcome, rememberWelcomed } from "./welcome.ts";

/** Who asks for profiles, and how; read anew for each call. */
export type Means = {
  client: RollcallClient;
  getToken: GetToken | undefined;
  locale: Locale;
  healAfterMs: number;
};

/** The state machine with a voice: it makes the calls that the machine asks for, and tells who listens. */
export type Provisioning = {
  getState(): ProvisioningState;
  subscribe(listener: () => void): () => void;
  /** Follows one user, or nobody, until the returned function is called; it must be, before the next. */
  follow(userId: string | null, getMeans: () => Means): () => void;
  /** Tries again now, if nothing is under way. */
  retry(): void;
  dismissWelcome(): void;
};

/** Builds one; it does nothing before it follows somebody. */
export function createProvisioning(): Provisioning {
  let state = signedOut;
  let pause: Pause | undefined;
  let tellTabs: (news: "welcomed") => void = () => {};
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
      tellTabs("welcomed");
    },
  };

  function send(event: ProvisioningEvent): void {
    const next = decideNext(state, event);
    if (next === state) return;
    state = next;
    for (const listener of listeners) listener();
  }

  function follow(userId: string | null, getMeans: () => Means): () => void {
    send({ type: "user", userId });
    if (userId === null) return () => {};
    const stop = new AbortController();
    const tabs = openTabs(userId, (news) =>
      news === "welcomed" ? send({ type: "welcomed" }) : pause?.end(),
    );
    tellTabs = tabs.tell;
    void provision(userId, getMeans, stop.signal).then((made) => made && tabs.tell("provisioned"));
    return () => {
      stop.abort();
      pause?.end();
      tabs.close();
      send({ type: "abandoned", call: state.call });
    };
  }

  /** Asks until there is a profile, with pauses after failures; false when it was stopped before. */
  async function provision(userId: string, getMeans: () => Means, signal: AbortSignal): Promise<boolean> {
    for (let failures = 0; ; failures++) {
      send({ type: "asked" });
      if (state.status !== "provisioning") return false;
      const { call } = state;
      const { client, getToken, locale, healAfterMs } = getMeans();
      try {
        const onRetry = (retry: Retry) => send({ type: "waiting", call, retry });
        const provisioned = await client.ensure({ userId, token: getToken, signal, locale, onRetry });
        send({ type: "succeeded", call, provisioned, welcome: decideWelcome(provisioned) });
        return !signal.aborted;
      } catch (thrown) {
        if (signal.aborted) return false;
        // ensure throws nothing else.
        const error = thrown as RollcallError;
        pause = pauseAfter(error, failures, healAfterMs);
        send({ type: "failed", call, error });
        await pause.over;
        if (signal.aborted) return false;
      }
    }
  }
}
