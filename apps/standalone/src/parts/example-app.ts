import { join } from "node:path";
import { untilAnswers } from "../processes/readiness.ts";
import { startProcess } from "../processes/supervised-process.ts";
import { decideEnvironment, type Wiring } from "./environments.ts";
import type { StartOptions } from "./part.ts";

/** Starts the example app, which signs in at the simulator. It is not part of Rollcall, and uses it as any app does. */
export async function startExampleApp(
  { dir, named, parts, say, signal }: StartOptions,
  wiring: Wiring,
  entry: string,
  urls: { api: string; simulator: string; example: string },
): Promise<void> {
  const example = await startProcess({
    name: "example app",
    entry,
    environment: {
      ...decideEnvironment("example", named, wiring),
      PORT: String(wiring.ports.example),
      ROLLCALL_URL: urls.api,
      SIMULATOR_URL: urls.simulator,
    },
    logFile: join(dir, "logs/example.log"),
    say,
  });
  parts.push(example);
  await untilAnswers(example, urls.example, signal);
}
