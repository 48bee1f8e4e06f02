import type { ClerkControl } from "../control/control.ts";
import { type ClerkUser, findEmail, nameOf } from "../users/clerk-user.ts";

export type AppUser = { id: string; name: string; email: string | null };

/** The sessions of apps' users. Clerk identifies them by cookies; here an id is enough. All end with the process. */
export type AppSessions = {
  begin(user: ClerkUser): Promise<{ sessionId: string; user: AppUser }>;
  /** Null for a session that ended, or whose user is banned or deleted. */
  findUser(sessionId: string): Promise<ClerkUser | null>;
  end(sessionId: string): void;
  /** The users that a login page offers, the latest first. */
  listPeople(): Promise<AppUser[]>;
};

const shownPeople = 50;

export function createAppSessions(control: ClerkControl): AppSessions {
  const sessions = new Map<string, string>();
  return {
    async begin(user) {
      const sessionId = await control.sessions.signIn(user.id);
      sessions.set(sessionId, user.id);
      return { sessionId, user: describeUser(user) };
    },
    async findUser(sessionId) {
      const userId = sessions.get(sessionId);
      const user = userId === undefined ? null : await control.users.find(userId);
      // Clerk ends the sessions of a banned or deleted user.
      return user === null || user.banned ? null : user;
    },
    end: (sessionId) => void sessions.delete(sessionId),
    async listPeople() {
      const offset = Math.max(0, (await control.users.count()) - shownPeople);
      const people = await control.users.list({ offset, limit: shownPeople });
      return people.toReversed().map(describeUser);
    },
  };
}

export function describeUser(user: ClerkUser): AppUser {
  return { id: user.id, name: nameOf(user), email: findEmail(user) };
}
