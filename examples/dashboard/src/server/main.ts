import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { createRollcallClient } from "@rollcall/client";
import pg from "pg";
import { z } from "zod";
import { type Configuration, configurationSchema, toPageConfiguration } from "./configuration.ts";
import { createAppRouter } from "./router.ts";
import { createTrpcHandler, trpcPath } from "./trpc-handler.ts";
import { loadWebFiles } from "./web-files.ts";

const webFolder = fileURLToPath(new URL("../web/", import.meta.url));

async function run(configuration: Configuration): Promise<void> {
  const pool = new pg.Pool({
    connectionString: configuration.DATABASE_URL,
    max: 10,
    connectionTimeoutMillis: 2_000,
    query_timeout: 5_000,
    application_name: "rollcall-example-dashboard",
  });
  // An idle connection may break; the next query gets a new one.
  pool.on("error", () => undefined);
  // No retries: the browser has already waited for the profile, so a missing one is an exception.
  const rollcall = createRollcallClient({ baseUrl: configuration.ROLLCALL_URL, retryDelaysMs: [] });
  const answerTrpc = createTrpcHandler({
    router: createAppRouter({ pool, rollcall }),
    keys: configuration,
    log: (line) => void process.stderr.write(`${line}\n`),
  });
  const serveWeb = await loadWebFiles(webFolder, toPageConfiguration(configuration));

  const server = createServer((request, response) => {
    if (request.url?.startsWith(trpcPath)) answerTrpc(request, response);
    else serveWeb(request, response);
  });
  await once(server.listen(configuration.PORT, configuration.HOST), "listening");
  process.stdout.write(`Listening on port ${configuration.PORT}\n`);

  const stop = async () => {
    server.close();
    server.closeIdleConnections();
    await once(server, "close");
    await pool.end();
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop());
}

const configuration = configurationSchema.safeParse(process.env);
if (configuration.success) await run(configuration.data);
else {
  process.stderr.write(`${z.prettifyError(configuration.error)}\n`);
  process.exitCode = 2;
}
