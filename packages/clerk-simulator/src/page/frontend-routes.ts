import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { ClerkUser } from "../clerk-user.ts";
import type { ClerkControl } from "../control.ts";
import { findEmail, nameOf } from "./person-name.ts";

const nameSchema = z.string().trim().max(80).nullable();
const signUpSchema = z.object({
  firstName: nameSchema,
  lastName: nameSchema,
  email: z.string().trim().max(200).nullable(),
});
const signInSchema = z.object({ userId: z.string() });
const sessionSchema = z.object({ sessionId: z.string() });

/** Whom an app's login page offers. */
const shownPeople = 50;

type FrontendOptions = {
  /** The apps that may ask, and whose name stands in a token as `azp`. */
  origins: readonly string[];
};

/**
 * A stand-in for Clerk's frontend API, as far as a demo app's login page needs one: sign up, sign in without any
 * proof, tokens of a session, sign out. Clerk's own knows sessions by cookies; here their ids are enough. Sessions
 * end with the process, as a page must expect of any session.
 */
export function registerFrontend(
  app: FastifyInstance,
  control: ClerkControl,
  { origins }: FrontendOptions,
): void {
  const sessions = new Map<string, string>();

  async function begin(user: ClerkUser, reply: FastifyReply): Promise<FastifyReply> {
    const sessionId = await control.sessions.signIn(user.id);
    sessions.set(sessionId, user.id);
    return reply.send({ sessionId, user: describe(user) });
  }

  app.register(
    async (scope) => {
      scope.addHook("onRequest", async (request, reply) => admit(request, reply, origins));
      scope.setErrorHandler((error: FastifyError | z.ZodError, _request, reply) =>
        refuse(reply, decideStatus(error), "The request could not be read"),
      );
      // What a browser asks before it asks, the hook has answered.
      scope.options("/*", () => undefined);

      scope.get("/people", async (_request, reply) => {
        const offset = Math.max(0, (await control.users.count()) - shownPeople);
        const people = await control.users.list({ offset, limit: shownPeople });
        return reply.send({ people: people.toReversed().map(describe) });
      });

      scope.post("/sign-ups", async (request, reply) =>
        begin(await control.users.create(signUpSchema.parse(request.body)), reply),
      );

      scope.post("/sign-ins", async (request, reply) => {
        const user = await control.users.find(signInSchema.parse(request.body).userId);
        if (user === null) return refuse(reply, 404, "There is no such user");
        if (user.banned) return refuse(reply, 403, "This user is banned");
        return begin(user, reply);
      });

      scope.post("/sessions/:sessionId/tokens", async (request, reply) => {
        const { sessionId } = sessionSchema.parse(request.params);
        const userId = sessions.get(sessionId);
        const user = userId === undefined ? null : await control.users.find(userId);
        // Clerk ends the sessions of whom it bans or deletes.
        if (user === null || user.banned) return refuse(reply, 404, "There is no such session");
        const azp = request.headers.origin ?? null;
        return reply.send({
          token: await control.sessions.mintToken({ userId: user.id, sid: sessionId, azp }),
        });
      });

      scope.delete("/sessions/:sessionId", async (request, reply) => {
        sessions.delete(sessionSchema.parse(request.params).sessionId);
        return reply.code(204).send();
      });
    },
    { prefix: "/frontend" },
  );
}

function describe(user: ClerkUser) {
  return { id: user.id, name: nameOf(user), email: findEmail(user) };
}

/** What cannot be read is the caller's mistake; fastify gives such errors a status of their own. */
function decideStatus(error: FastifyError | z.ZodError): number {
  if (error instanceof z.ZodError) return 400;
  return error.statusCode ?? 500;
}

/** Lets the listed apps in, from the browsers of this machine, and nobody else. */
function admit(
  request: FastifyRequest,
  reply: FastifyReply,
  origins: readonly string[],
): FastifyReply | undefined {
  const { origin } = request.headers;
  if (origin === undefined || !origins.includes(origin))
    return refuse(reply, 403, "This origin is not known");
  reply.headers({ "access-control-allow-origin": origin, vary: "origin", "cache-control": "no-store" });
  if (request.method !== "OPTIONS") return undefined;
  return reply
    .code(204)
    .headers({
      "access-control-allow-methods": "GET, POST, DELETE",
      "access-control-allow-headers": "content-type",
      "access-control-max-age": "600",
    })
    .send();
}

function refuse(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply.code(status).send({ error });
}
