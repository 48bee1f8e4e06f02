import type { FastifyError, FastifyInstance } from "fastify";
import { z } from "zod";
import { decideStatus, type FrontendOptions, signUpSchema } from "./frontend-routes.ts";
import { headersOf, sendFile } from "./page-routes.ts";

const query = z.object({ return_to: z.string().default("") });
const choice = z
  .object({ returnTo: z.string() })
  .and(z.union([z.object({ userId: z.string() }), z.object({ person: signUpSchema })]));

/** The parameter of the app's address that holds the new session. */
const parameter = "__simulator_session";

/**
 * The page `/sign-in?return_to=…`, on which a developer signs up or in, and which returns to the app with a session. It returns
 * only to a listed app, because a session is all that a page needs to act for its user.
 */
export function registerSignIn(
  app: FastifyInstance,
  { control, sessions, origins, restart = "CLERK_AUTHORIZED_PARTIES={origin} npm start" }: FrontendOptions,
): void {
  const findReturn = (address: string) => {
    const url = URL.canParse(address) ? new URL(address) : undefined;
    return url && origins.includes(url.origin) ? url : undefined;
  };

  app.register(async (scope) => {
    scope.addHook("onSend", async (_request, reply) => void reply.headers(headersOf([])));
    scope.setErrorHandler((error: FastifyError | z.ZodError, _request, reply) =>
      reply.code(decideStatus(error)).send({ error: "The request could not be read" }),
    );

    scope.get("/sign-in", async (request, reply) => {
      const address = query.parse(request.query).return_to;
      if (findReturn(address)) return sendFile(reply, "sign-in.html");
      return reply.code(403).type("text/plain; charset=utf-8").send(explainUnknown(address, restart));
    });

    scope.get("/sign-in/people", async () => ({ people: await sessions.listPeople() }));

    scope.post("/sign-in", async (request, reply) => {
      const { returnTo, ...chosen } = choice.parse(request.body);
      const location = findReturn(returnTo);
      if (!location) return reply.code(403).send({ error: explainUnknown(returnTo, restart) });
      const user =
        "person" in chosen
          ? await control.users.create(chosen.person)
          : await control.users.find(chosen.userId);
      if (user === null || user.banned) return reply.code(403).send({ error: "This user cannot sign in" });
      location.searchParams.set(parameter, (await sessions.begin(user)).sessionId);
      return { location: location.href };
    });
  });
}

function explainUnknown(address: string, restart: string): string {
  const origin = URL.canParse(address) ? new URL(address).origin : "null";
  return origin === "null"
    ? "The address lacks return_to, the http address of your app's page."
    : `CLERK_AUTHORIZED_PARTIES lacks ${origin}, so this app cannot sign users in here. Start again with ${restart.replace("{origin}", () => origin)}`;
}
