import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { ClerkControl } from "../control/control.ts";
import { type AppSessions, describeUser } from "./app-sessions.ts";

const nameSchema = z.string().trim().max(80).nullable();
export const signUpSchema = z.object({
  firstName: nameSchema,
  lastName: nameSchema,
  email: z.string().trim().max(200).nullable(),
});
const signInSchema = z.object({ userId: z.string() });
const sessionSchema = z.object({ sessionId: z.string() });

export type FrontendOptions = {
  control: ClerkControl;
  sessions: AppSessions;
  /** The apps that may call; the calling origin becomes the `azp` of a token. */
  origins: readonly string[];
  /** How a developer starts Rollcall with one more origin, as in "CLERK_AUTHORIZED_PARTIES={origin} npm start". */
  restart?: string;
};

/**
 * A stand-in for Clerk's frontend API, for the login of an app: sign-up, sign-in without a password, session tokens,
 * sign-out. An app without forms for it sends its users to the page `/sign-in`.
 */
export function registerFrontend(
  app: FastifyInstance,
  { control, sessions, origins }: FrontendOptions,
): void {
  app.register(
    async (scope) => {
      scope.addHook("onRequest", async (request, reply) => admit(request, reply, origins));
      scope.setErrorHandler((error: FastifyError | z.ZodError, _request, reply) =>
        refuse(reply, decideStatus(error), "The request could not be read"),
      );
      // The hook has already answered the browser's preflight request.
      scope.options("/*", () => undefined);

      scope.get("/people", async (_request, reply) => reply.send({ people: await sessions.listPeople() }));

      scope.post("/sign-ups", async (request, reply) => {
        const user = await control.users.create(signUpSchema.parse(request.body));
        return reply.send(await sessions.begin(user));
      });

      scope.post("/sign-ins", async (request, reply) => {
        const user = await control.users.find(signInSchema.parse(request.body).userId);
        if (user === null) return refuse(reply, 404, "There is no such user");
        if (user.banned) return refuse(reply, 403, "This user is banned");
        return reply.send(await sessions.begin(user));
      });

      scope.get("/sessions/:sessionId", async (request, reply) => {
        const { sessionId } = sessionSchema.parse(request.params);
        const user = await sessions.findUser(sessionId);
        if (user === null) return refuse(reply, 404, "There is no such session");
        return reply.send({ sessionId, user: describeUser(user) });
      });

      scope.post("/sessions/:sessionId/tokens", async (request, reply) => {
        const { sessionId } = sessionSchema.parse(request.params);
        const user = await sessions.findUser(sessionId);
        if (user === null) return refuse(reply, 404, "There is no such session");
        const azp = request.headers.origin ?? null;
        return reply.send({
          token: await control.sessions.mintToken({ userId: user.id, sid: sessionId, azp }),
        });
      });

      scope.delete("/sessions/:sessionId", async (request, reply) => {
        sessions.end(sessionSchema.parse(request.params).sessionId);
        return reply.code(204).send();
      });
    },
    { prefix: "/frontend" },
  );
}

/** A request that cannot be read gets 400 from zod's errors, and from Fastify's own errors their status. */
export function decideStatus(error: FastifyError | z.ZodError): number {
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
