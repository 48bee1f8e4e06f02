import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { ClerkControl } from "../control/control.ts";
import type { ClerkUser } from "../users/clerk-user.ts";
import { findEmail, nameOf } from "../users/clerk-user.ts";

const nameSchema = z.string().trim().max(80).nullable();
const signUpSchema = z.object({
  firstName: nameSchema,
  lastName: nameSchema,
  email: z.string().trim().max(200).nullable(),
});
const signInSchema = z.object({ userId: z.string() });
const sessionSchema = z.object({ sessionId: z.string() });

/** How many users an app's login page offers. */
const shownPeople = 50;

type FrontendOptions = {
  /** The apps that may call; the calling origin becomes the `azp` of a token. */
  origins: readonly string[];
};

/**
 * A stand-in for Clerk's frontend API for the login page of a demo app: sign-up, sign-in without a password, session
 * tokens, sign-out. Clerk identifies sessions by cookies; here a session id is enough. All sessions end with the process.
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
      // The hook has already answered the browser's preflight request.
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
        // Clerk ends the sessions of a banned or deleted user.
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

/** A request that cannot be read gets 400 from zod's errors, and from Fastify's own errors their status. */
function decideStatus(error: FastifyError | z.ZodError): number {
  if (error instanceof z.ZodError) return 400;
  return error.statusCode ?? 500;
}

/** Allows calls only from the listed origins. */
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
