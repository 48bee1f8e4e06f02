import type { GetToken } from "../rollcall-client.ts";
import { createTokenSource } from "./token-source.ts";

/** A user at the simulator. */
export type SimulatedUser = { id: string; name: string; email: string | null };
export type NewPerson = { firstName: string | null; lastName: string | null; email: string | null };

/** The signed-in user, for the `auth` of the provider. */
export type SimulatedAuth = {
  /** False while the page has just come back from the simulator. */
  isLoaded: boolean;
  userId: string | null;
  user: SimulatedUser | null;
  /** Returns a token of this user, also when another user has signed in meanwhile; null when the session has ended. */
  getToken: GetToken;
};

/** The Clerk simulator in Clerk's place, for the development of an app. The signed-in user is the same in all tabs. */
export type Simulator = {
  /** The same object until the user changes, as `useSyncExternalStore` needs it. */
  getAuth: () => SimulatedAuth;
  subscribe: (listener: () => void) => () => void;
  /** Leaves for the simulator's page, on which one signs up or in, and which comes back to this page. */
  openSignIn: () => void;
  signOut: () => void;
  /** These three are for an app with forms of its own. @throws SimulatorRefusal, or Error without an answer */
  signUp: (person: NewPerson) => Promise<void>;
  signIn: (userId: string) => Promise<void>;
  /** The latest first. */
  listPeople: () => Promise<SimulatedUser[]>;
};

/** The simulator refused: the user is banned or deleted, or the session has ended. */
export class SimulatorRefusal extends Error {
  override readonly name = "SimulatorRefusal";
}

type Session = { sessionId: string; user: SimulatedUser };

const storageKey = "rollcall-simulator-session";
/** The simulator's page adds it to the address of this page. */
const parameter = "__simulator_session";
const signedOut: SimulatedAuth = { isLoaded: true, userId: null, user: null, getToken: async () => null };

/**
 * @param url the simulator's address, which `npm start` prints as People: `http://127.0.0.1:3002`. It answers only the origins in
 * the `CLERK_AUTHORIZED_PARTIES` of that `npm start`
 */
export function connectSimulator(url: string): Simulator {
  const page = globalThis.window;
  const listeners = new Set<() => void>();
  let currentId: string | undefined;
  let auth = signedOut;

  const returned = page && takeReturned(page);
  if (returned === null || !page) restore(page?.localStorage.getItem(storageKey) ?? null);
  else if (returned !== undefined) void arrive(returned);
  page?.addEventListener("storage", ({ key, newValue }) => {
    // The key is null when the whole storage was cleared.
    if (key === storageKey || key === null) restore(newValue);
  });

  async function call(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await fetch(new URL(`/frontend/${path}`, url), {
      method,
      ...(body && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    }).catch((cause: unknown) => {
      // A browser does not tell a page whether CORS refused the call or nothing answered.
      const own = page ? `CLERK_AUTHORIZED_PARTIES of npm start lacks ${page.location.origin}, or ` : "";
      throw new Error(`The simulator did not answer. Likely cause: ${own}it does not run at ${url}.`, {
        cause,
      });
    });
    if (answer.status >= 400 && answer.status < 500) throw new SimulatorRefusal(`${path}: ${answer.status}`);
    return answer.status === 204 ? undefined : answer.json();
  }

  /** The page has come back from the simulator with a session. */
  async function arrive(sessionId: string): Promise<void> {
    change({ ...signedOut, isLoaded: false }, undefined);
    const session = await call("GET", `sessions/${encodeURIComponent(sessionId)}`).catch(() => null);
    if (isSession(session)) keep(session);
    else forget();
  }

  async function makeToken(sessionId: string): Promise<string | null> {
    try {
      const { token } = (await call("POST", `sessions/${sessionId}/tokens`)) as { token: string }; // The simulator's form.
      return token;
    } catch (error) {
      if (!(error instanceof SimulatorRefusal)) throw error;
      if (currentId === sessionId) forget();
      return null;
    }
  }

  function restore(text: string | null): void {
    const session = text === null ? null : readJson(text);
    if (isSession(session)) enter(session);
    else change(signedOut, undefined);
  }

  function keep(session: unknown): void {
    if (!isSession(session)) throw new Error("The simulator's answer is no session");
    page?.localStorage.setItem(storageKey, JSON.stringify(session));
    enter(session);
  }

  function enter({ sessionId, user }: Session): void {
    if (sessionId === currentId) return;
    const getToken = createTokenSource(() => makeToken(sessionId));
    change({ isLoaded: true, userId: user.id, user, getToken }, sessionId);
  }

  function forget(): void {
    page?.localStorage.removeItem(storageKey);
    change(signedOut, undefined);
  }

  function change(next: SimulatedAuth, sessionId: string | undefined): void {
    if (next === auth) return;
    auth = next;
    currentId = sessionId;
    for (const listener of listeners) listener();
  }

  return {
    getAuth: () => auth,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    openSignIn() {
      const address = new URL("/sign-in", url);
      address.searchParams.set("return_to", globalThis.location.href);
      globalThis.location.assign(address);
    },
    signOut() {
      // The page does not wait: here the session ends even if the request fails.
      if (currentId !== undefined) void call("DELETE", `sessions/${currentId}`).catch(() => undefined);
      forget();
    },
    signUp: async (person) => keep(await call("POST", "sign-ups", person)),
    signIn: async (userId) => keep(await call("POST", "sign-ins", { userId })),
    listPeople: async () => ((await call("GET", "people")) as { people: SimulatedUser[] }).people, // The simulator's form.
  };
}

/** Takes the session out of the page's address, so that a reload or a copy of the address does not repeat it. */
function takeReturned({ location, history }: Window): string | null {
  const address = new URL(location.href);
  const sessionId = address.searchParams.get(parameter);
  if (sessionId === null) return null;
  address.searchParams.delete(parameter);
  history.replaceState(history.state, "", address);
  return sessionId;
}

function isSession(value: unknown): value is Session {
  const { sessionId, user } = (value ?? {}) as Partial<Session>; // Each field is checked.
  return typeof sessionId === "string" && typeof user?.id === "string" && typeof user.name === "string";
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
