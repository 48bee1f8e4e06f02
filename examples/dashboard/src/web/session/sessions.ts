import { type Clerk, type ClerkSession, type NewPerson, type Person, sessionSchema } from "./clerk.ts";
import { createTokenSource } from "./token-source.ts";

/** The session of a signed-in user. */
export type Session = {
  id: string;
  user: Person;
  /** Returns a token of this session, also when another user has signed in meanwhile; null when the session has ended. */
  getToken: () => Promise<string | null>;
};

/** The signed-in user: one user in all tabs of this browser. */
export type Sessions = {
  getSession(): Session | null;
  subscribe(listener: () => void): () => void;
  signUp(person: NewPerson): Promise<void>;
  signIn(userId: string): Promise<void>;
  signOut(): void;
};

const storageKey = "session";

export function openSessions(clerk: Clerk): Sessions {
  let current = restore(localStorage.getItem(storageKey));
  const listeners = new Set<() => void>();
  window.addEventListener("storage", ({ key, newValue }) => {
    // The key is null when the whole storage was cleared.
    if (key === storageKey || key === null) change(restore(newValue));
  });
  return {
    getSession: () => current,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    signUp: async (person) => keep(await clerk.signUp(person)),
    signIn: async (userId) => keep(await clerk.signIn(userId)),
    signOut() {
      if (!current) return;
      // The page does not wait for Clerk: here the session ends even if the request fails.
      void clerk.endSession(current.id).catch(() => undefined);
      forget();
    },
  };

  function restore(text: string | null): Session | null {
    const read = sessionSchema.safeParse(text === null ? null : readJson(text));
    return read.success ? toSession(read.data) : null;
  }

  function toSession({ sessionId, user }: ClerkSession): Session {
    const takeToken = createTokenSource(() => clerk.makeToken(sessionId));
    const getToken = async () => {
      const token = await takeToken();
      if (token === null && current?.id === sessionId) forget();
      return token;
    };
    return { id: sessionId, user, getToken };
  }

  function keep(session: ClerkSession): void {
    localStorage.setItem(storageKey, JSON.stringify(session));
    change(toSession(session));
  }

  function forget(): void {
    localStorage.removeItem(storageKey);
    change(null);
  }

  function change(next: Session | null): void {
    if (next?.id === current?.id) return;
    current = next;
    for (const listener of listeners) listener();
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
