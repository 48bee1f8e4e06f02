import { createClerkClient } from "@clerk/backend";
import { createRollcallClient } from "@rollcall/client";
import { provisioned } from "@rollcall/client/hono";
import { type Context, Hono } from "hono";

type Env = {
  ROLLCALL_URL: string;
  CLERK_SECRET_KEY: string;
  CLERK_PUBLISHABLE_KEY: string;
  CLERK_JWT_KEY: string;
};

let app: Hono | undefined;

/** Without `find`, because no driver of Postgres is at hand. Each request calls Rollcall. */
function createApp(env: Env): Hono {
  const clerk = createClerkClient({
    secretKey: env.CLERK_SECRET_KEY,
    publishableKey: env.CLERK_PUBLISHABLE_KEY,
    jwtKey: env.CLERK_JWT_KEY,
  });
  const mentee = provisioned({
    client: createRollcallClient({ baseUrl: env.ROLLCALL_URL, retryDelaysMs: [] }),
    identify: async (c: Context) => (await clerk.authenticateRequest(c.req.raw)).toAuth(),
  });
  return new Hono().get("/api/overview", mentee, (c) =>
    c.json({ nomeCompleto: mentee.of(c).mentorado.nomeCompleto, runtime: navigator.userAgent }),
  );
}

export default {
  fetch: (request: Request, env: Env) => {
    app ??= createApp(env);
    return app.fetch(request);
  },
};
