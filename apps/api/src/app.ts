import { createHttpServer, registerHealthRoutes, registerMetricsRoute } from "@rollcall/runtime";
import type { FastifyInstance } from "fastify";
import { registerAdmin } from "./admin/admin.ts";
import { loadConsoleFiles } from "./admin/console-files.ts";
import { consoleFolder } from "./console-folder.ts";
import type { ApiContext } from "./context.ts";
import { ensurePath, registerEnsureRoute } from "./ensure-route.ts";
import { registerWebhookRoute } from "./webhook-route.ts";

/** Some 20 MB of buffers. docs/SECURITY.md names the number. */
const mostConnections = 2_000;

/**
 * A refused probe would end a healthy process. Ensure answers after CORS, so that a page can read the 429. Operators have
 * limits of their own, below which the right password always passes.
 */
const neverLimited = new RegExp(`^(/healthz|/readyz|${ensurePath}|/admin|/api/admin)(/|\\?|$)`);

/** Builds the api; it does not listen yet. With ADMIN_PORT it answers 404 for the admin surface. */
export async function buildApp(context: ApiContext): Promise<FastifyInstance> {
  const { config } = context;
  const app = await createServer(context);
  registerHealthRoutes(app, context, { listsWorker: true });
  for (const read of context.gauges) context.metrics.readAtScrape(read);
  registerMetricsRoute(app, context, config.METRICS_TOKEN);
  registerWebhookRoute(app, context);
  await app.register(async (scope) => registerEnsureRoute(scope, context), { prefix: ensurePath });
  if (config.ADMIN_PORT === undefined) await addAdmin(app, context);
  return app;
}

/** Builds the server of ADMIN_PORT, which has the admin surface alone; it does not listen yet. */
export async function buildAdminApp(context: ApiContext): Promise<FastifyInstance> {
  const app = await createServer(context);
  await addAdmin(app, context);
  return app;
}

async function createServer(context: ApiContext): Promise<FastifyInstance> {
  const app = await createHttpServer(context, {
    mostConnections,
    trustProxy: context.config.TRUST_PROXY,
    isNeverLimited: (route) => neverLimited.test(route),
    continuesTrace: (route) => route === ensurePath,
  });
  app.addHook("onRequest", (request, _reply, done) => {
    context.forwardedHeader.note(request.headers);
    done();
  });
  return app;
}

async function addAdmin(app: FastifyInstance, context: ApiContext): Promise<void> {
  if (!context.access) return;
  const files = await loadConsoleFiles(consoleFolder);
  if (!files) {
    const text =
      "The console is not built, so /admin answers 404: npm run build. The JSON API and the board work";
    context.log.warn({ event: "console_not_built" }, text);
  }
  registerAdmin(app, context, files);
}
