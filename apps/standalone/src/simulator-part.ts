import { join } from "node:path";
import type { Provisioning } from "@rollcall/clerk-simulator";
import { originsOn, type Wiring } from "./child-environments.ts";
import { openLogFile } from "./log-file.ts";
import { untilAnswers } from "./readiness.ts";
import type { StartOptions } from "./start-options.ts";
import { startProcess } from "./supervised-process.ts";

export type SimulatorPart = {
  url: string;
  /** Lets the page say by which cause somebody arrived. */
  noteProvisioning(userId: string, cause: string): void;
};

/** Starts the Clerk simulator with its page. */
export async function startSimulatorPart(
  { root, dir, parts, narrator, say, signal }: StartOptions,
  { secrets, ports, databaseUrl }: Wiring,
  apiUrl: string,
): Promise<SimulatorPart> {
  say("Starting the Clerk simulator");
  const simulator = startProcess({
    name: "simulator",
    entry: join(root, "packages/clerk-simulator/dist/page/main.js"),
    environment: {
      SIM_PORT: String(ports.simulator),
      SIM_SECRET_KEY: secrets.clerkSecretKey,
      SIM_WEBHOOK_SECRET: secrets.clerkWebhookSecret,
      SIM_SIGNING_KEY: secrets.clerkSigningKey,
      SIM_PEOPLE_FILE: join(dir, "people.jsonl"),
      SIM_API_URL: apiUrl,
      SIM_DATABASE_URL: databaseUrl,
      SIM_APP_ORIGINS: originsOn(ports.example).join(","),
    },
    log: await openLogFile(join(dir, "logs/simulator.log")),
    onLine: () => undefined,
    onMessage: narrator.readHappening,
    say,
  });
  parts.push(simulator);
  const url = `http://127.0.0.1:${ports.simulator}`;
  await untilAnswers(simulator, `${url}/__sim/info`, signal);
  return {
    url,
    noteProvisioning: (userId, cause) =>
      simulator.send({ kind: "provisioned", userId, cause } satisfies Provisioning),
  };
}
