import { z } from "zod";

const personSchema = z.object({ id: z.string(), name: z.string(), email: z.string().nullable() });
export const sessionSchema = z.object({ sessionId: z.string(), user: personSchema });

export type Person = z.infer<typeof personSchema>;
export type ClerkSession = z.infer<typeof sessionSchema>;
export type NewPerson = { firstName: string | null; lastName: string | null; email: string | null };

/** The simulator's stand-in for Clerk's script in a browser. An app with Clerk uses `@clerk/react`. */
export type Clerk = {
  listPeople(): Promise<Person[]>;
  signUp(person: NewPerson): Promise<ClerkSession>;
  signIn(userId: string): Promise<ClerkSession>;
  /** Makes a new token; null when the session has ended. */
  makeToken(sessionId: string): Promise<string | null>;
  endSession(sessionId: string): Promise<void>;
};

/** Clerk refused the request: the user is banned or deleted, or the session has ended. */
export class ClerkRefusal extends Error {}

/** Each call throws ClerkRefusal, or an error of `fetch` or of the schemas while Clerk is away. */
export function createClerk(baseUrl: string): Clerk {
  async function call(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await fetch(`${baseUrl}/${path}`, {
      method,
      ...(body && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
    if (answer.status >= 400 && answer.status < 500) throw new ClerkRefusal(`${path}: ${answer.status}`);
    return answer.status === 204 ? undefined : answer.json();
  }

  return {
    listPeople: async () =>
      z.object({ people: z.array(personSchema) }).parse(await call("GET", "people")).people,
    signUp: async (person) => sessionSchema.parse(await call("POST", "sign-ups", person)),
    signIn: async (userId) => sessionSchema.parse(await call("POST", "sign-ins", { userId })),
    async makeToken(sessionId) {
      try {
        const answer = await call("POST", `sessions/${sessionId}/tokens`);
        return z.object({ token: z.string() }).parse(answer).token;
      } catch (error) {
        if (error instanceof ClerkRefusal) return null;
        throw error;
      }
    },
    endSession: async (sessionId) => void (await call("DELETE", `sessions/${sessionId}`)),
  };
}
