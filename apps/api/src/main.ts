import { listSecrets } from "@rollcall/contracts";
import { createLogger, startTelemetry } from "@rollcall/observability";
import {
  forwardedUntrusted,
  listen,
  markStart,
  runProcess,
  startAlerts,
  startSchemaCheck,
  webhooksConfigured,
} from "@rollcall/runtime";
import { buildAdminApp, buildApp } from "./app.ts";
import { readApiConfig } from "./config.ts";
import { createApiContext } from "./context.ts";

const secrets = listSecrets(process.env);

await runProcess("api", secrets, async () => {
  const config = readApiConfig(process.env);
  const telemetry = await startTelemetry(process.env, "api");
  const log = createLogger({ level: config.LOG_LEVEL, process: "api", secrets, telemetry });
  const context = createApiContext(config, log, telemetry);
  const app = await buildApp(context);
  const { HOST: host, PORT: port, ADMIN_PORT: adminPort } = config;
  const adminApp = adminPort === undefined ? undefined : await buildAdminApp(context);
  const stopAlerts = startAlerts({
    ...context,
    webhookUrl: config.ALERT_WEBHOOK_URL,
    always: () => [
      ...(config.CLERK_WEBHOOK_SIGNING_SECRET ? [webhooksConfigured] : []),
      ...(context.forwardedHeader.wasSeen() ? [forwardedUntrusted] : []),
    ],
  });
  const stopMark = markStart(context, "api");
  const stopSchemaCheck = startSchemaCheck(context);
  const url = await listen(app, { host, port, portVariable: "PORT" });
  const adminUrl =
    adminApp && (await listen(adminApp, { host, port: adminPort ?? 0, portVariable: "ADMIN_PORT" }));
  log.info({ url, ...(adminUrl !== undefined && { adminUrl }) }, "Listening");
  const stop = async () => {
    await Promise.all([app.close(), adminApp?.close()]);
    await stopMark();
    await stopSchemaCheck();
    await stopAlerts();
    await context.close();
  };
  return { log, stop };
});
