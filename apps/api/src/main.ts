import { listSecrets } from "@rollcall/contracts";
import { createLogger } from "@rollcall/observability";
import {
  forwardedUntrusted,
  markStart,
  runProcess,
  startAlerts,
  startSchemaCheck,
  webhooksConfigured,
} from "@rollcall/runtime";
import { buildApp } from "./app.ts";
import { readApiConfig } from "./config.ts";
import { createApiContext } from "./context.ts";

const secrets = listSecrets(process.env);

await runProcess("api", "PORT", secrets, async () => {
  const config = readApiConfig(process.env);
  const log = createLogger({ level: config.LOG_LEVEL, process: "api", secrets });
  const context = createApiContext(config, log);
  const app = await buildApp(context);
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
  const url = await app.listen({ host: config.HOST, port: config.PORT });
  log.info({ url }, "Listening");
  const stop = async () => {
    await app.close();
    await stopMark();
    await stopSchemaCheck();
    await stopAlerts();
    await context.close();
  };
  return { log, stop };
});
