import { join } from "node:path";
import { decideEnvironment, type Wiring } from "./child-environments.ts";
import { openLogFile } from "./log-file.ts";
import { untilAnswers } from "./readiness.ts";
import type { StartOptions } from "./start-options.ts";
import { startProcess } from "./supervised-process.ts";

/** Starts the example app, which signs in at the simulator; it is no part of Rollcall, and uses it as any app does. */
export async function startExamplePart(
  { root, dir, named, parts, say, signal }: StartOptions,
  wiring: Wiring,
  urls: { api: string; simulator: string; example: string },
): Promise<void> {
  const example = startProcess({
    name: "example app",
    entry: join(root, "examples/dashboard/dist/server/main.js"),
    environment: {
      ...decideEnvironment("example", named, wiring),
      PORT: String(wiring.ports.example),
      ROLLCALL_URL: urls.api,
      CLERK_FRONTEND_URL: `${urls.simulator}/frontend`,
    },
    log: await openLogFile(join(dir, "logs/example.log")),
    onLine: () => undefined,
    say,
  });
  parts.push(example);
  await untilAnswers(example, urls.example, signal);
}
