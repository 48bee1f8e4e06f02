import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { places } from "../places.ts";
import { untilReady } from "../processes/readiness.ts";
import { type SupervisedProcess, startProcess } from "../processes/supervised-process.ts";
import type { Environment, Settings } from "../settings.ts";
import { StartError } from "../start-error.ts";
import { type Address, listAddresses, type SimulatedUrls } from "../terminal/addresses.ts";
import { decideEnvironment, type Wiring, writeCommandEnvironment } from "./environments.ts";
import { startExampleApp } from "./example-app.ts";
import type { StartOptions } from "./part.ts";
import { settlePorts } from "./ports.ts";
import { startEmbeddedPostgres } from "./postgres.ts";
import { keepSecrets } from "./secrets.ts";
import { type Simulator, startSimulator } from "./simulator.ts";

export type StartedSystem = {
  addresses: Address[][];
  apiUrl: string;
  simulator: Simulator | undefined;
};

/**
 * Starts the parts that the environment does not name, each after the parts that it needs. Every started part is on
 * `parts`, also when this rejects.
 *
 * @throws StartError, or the signal's reason once it is aborted
 */
export async function startSystem(options: StartOptions): Promise<StartedSystem> {
  const { settings, dir, say, signal } = options;
  const { namedPorts: named } = settings;
  const settled = await settlePorts({
    wanted: decidePorts(settings),
    named,
    leftBehind: options.leftBehind,
    say,
  });
  // Without the example app, another app of the operator may be on its port.
  const ports = settings.hasExample ? settled : { ...settled, example: settings.ports.example };
  await mkdir(join(dir, "logs"), { recursive: true });
  const secrets = await keepSecrets(join(dir, "secrets.json"));
  signal.throwIfAborted();

  const databaseUrl = settings.databaseUrl ?? (await startPostgresPart(options));
  signal.throwIfAborted();
  const urls = {
    api: `http://${shownHost(settings.host)}:${ports.api}`,
    console: `http://${shownHost(settings.host)}:${ports.admin ?? ports.api}/admin`,
    worker: `http://${shownHost(settings.host)}:${ports.worker}`,
    // Only on the loopback address, because the simulator lets every visitor sign in as any user.
    simulated: settings.realClerk ? undefined : simulatedUrls(ports, settings),
  };
  const adminPassword = settings.admin.password ?? secrets.adminPassword;
  const wiring: Wiring = {
    settings,
    secrets,
    databaseUrl,
    ports,
    simulatorUrl: urls.simulated?.simulator,
    adminPassword,
  };
  say("Applying migrations");
  await migrate(decideEnvironment("migration", options.named, wiring), settings.databaseUrl !== undefined);
  signal.throwIfAborted();

  const simulator = urls.simulated ? await startSimulator(options, wiring, urls.api) : undefined;
  signal.throwIfAborted();
  say("Starting worker and api");
  const worker = await startProgram(options, "worker", wiring);
  const api = await startProgram(options, "api", wiring);
  const { simulator: clerk, example } = urls.simulated ?? {};
  const exampleProgram = places.programs.example;
  if (exampleProgram !== undefined && clerk !== undefined && example !== undefined)
    await startExampleApp(options, wiring, exampleProgram, { api: urls.api, simulator: clerk, example });
  await Promise.all([untilReady(worker, urls.worker, signal), untilReady(api, urls.api, signal)]);
  const ofCommands = {
    ...decideEnvironment("api", options.named, wiring),
    ...decideEnvironment("worker", options.named, wiring),
  };
  await writeCommandEnvironment(dir, ofCommands, wiring.simulatorUrl);
  const addresses = listAddresses({ settings, urls, dir: options.shownDir, adminPassword });
  return { addresses, apiUrl: urls.api, simulator };
}

function decidePorts({ ports, realClerk, hasExample }: Settings): Partial<Settings["ports"]> {
  const { simulator, example, ...own } = ports;
  if (realClerk) return own;
  return hasExample ? ports : { ...own, simulator };
}

function simulatedUrls(ports: Settings["ports"], { hasExample }: Settings): SimulatedUrls {
  const at = (port: number) => `http://127.0.0.1:${port}`;
  return { simulator: at(ports.simulator), example: hasExample ? at(ports.example) : undefined };
}

async function startPostgresPart({ dir, parts, say }: StartOptions): Promise<string> {
  const postgres = await startEmbeddedPostgres(join(dir, "postgres"), say);
  parts.push({ name: "Postgres", ...postgres });
  return postgres.url;
}

/**
 * Applies the migrations in a process of their own.
 *
 * @param isForeign the Postgres is the operator's
 * @throws StartError with the error output of the migration
 */
async function migrate(environment: Environment, isForeign: boolean): Promise<void> {
  const child = spawn(process.execPath, [places.programs.migrate], {
    env: environment,
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    errors += chunk;
  });
  const [code] = await once(child, "close");
  if (code !== 0) {
    const hint = isForeign
      ? "Check that the Postgres of DATABASE_URL runs, and that its role may create tables."
      : "The Postgres that was started here has no tables of your app. Set DATABASE_URL to the one that has them.";
    throw new StartError(`${errors.trim()}\n${hint}`);
  }
}

async function startProgram(
  { dir, named, parts, narrator, say }: StartOptions,
  name: "api" | "worker",
  wiring: Wiring,
): Promise<SupervisedProcess> {
  const part = await startProcess({
    name,
    entry: places.programs[name],
    environment: decideEnvironment(name, named, wiring),
    logFile: join(dir, `logs/${name}.log`),
    onLine: narrator.readLog,
    say,
  });
  parts.push(part);
  return part;
}

/** A browser cannot open a wildcard address. */
function shownHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
