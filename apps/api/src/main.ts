import { EnvironmentError } from "@rollcall/contracts";
import { createLogger } from "@rollcall/observability";
import { startAlerts, webhooksConfigured } from "@rollcall/runtime";
import { buildApp } from "./app.ts";
import { type ApiConfig, readApiConfig } from "./config.ts";
import { createApiContext } from "./context.ts";

/** Longer than a job or a request takes; a second signal ends the process at once. */
const longestStopMs = 20_000;

async function main(config: ApiConfig): Promise<void> {
  const log = createLogger({ level: config.LOG_LEVEL, process: "api" });
  const context = createApiContext(config, log);
  const app = await buildApp(context);
  const stopAlerts = startAlerts({
    ...context,
    webhookUrl: config.ALERT_WEBHOOK_URL,
    always: config.CLERK_WEBHOOK_SIGNING_SECRET ? [webhooksConfigured] : [],
  });

  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) process.exit(1);
    stopping = true;
    // A queue whose database is away or frozen never closes; what it holds is run again by somebody else.
    setTimeout(() => process.exit(1), longestStopMs).unref();
    log.info({ signal }, "Stopping: finishing open requests");
    await app.close();
    await stopAlerts();
    await context.close();
    process.exit(0);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);

  const url = await app.listen({ host: config.HOST, port: config.PORT });
  log.info({ url }, "Listening");
}

try {
  await main(readApiConfig(process.env));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? explain(error) : "The api did not start"}\n`);
  process.exit(1);
}

function explain(error: Error): string {
  if (error instanceof EnvironmentError) return error.message;
  if ("code" in error && error.code === "EADDRINUSE") return "The port is in use: set PORT to another one";
  return `The api did not start: ${error.message}`;
}
