import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { decideEnvironment, type Wiring } from "./child-environments.ts";
import { writeCommandEnvironment } from "./command-environment.ts";
import { describeSystem } from "./describe-system.ts";
import { startExamplePart } from "./example-part.ts";
import type { Fact } from "./facts-table.ts";
import { openLogFile } from "./log-file.ts";
import { migrate } from "./migration.ts";
import { settlePorts } from "./ports.ts";
import { startPostgresPart } from "./postgres-part.ts";
import { untilReady } from "./readiness.ts";
import { keepSecrets } from "./secrets.ts";
import type { Settings } from "./settings.ts";
import { type SimulatorPart, startSimulatorPart } from "./simulator-part.ts";
import type { StartOptions } from "./start-options.ts";
import { type SupervisedProcess, startProcess } from "./supervised-process.ts";

export type StartedSystem = {
  facts: Fact[][];
  apiUrl: string;
  simulator: SimulatorPart | undefined;
};

/**
 * Starts what is missing, one part after the other, each on the parts before it. Whatever was started is on
 * `parts`, also when this rejects.
 *
 * @throws StartError, or the signal's reason once that is aborted
 */
export async function startSystem(options: StartOptions): Promise<StartedSystem> {
  const { settings, root, dir, say, signal } = options;
  const ports = await settlePorts(decidePorts(settings), options.leftBehind);
  await mkdir(join(dir, "logs"), { recursive: true });
  const secrets = await keepSecrets(join(dir, "secrets.json"));
  signal.throwIfAborted();

  const databaseUrl = settings.databaseUrl ?? (await bringPostgres(options));
  signal.throwIfAborted();
  const urls = {
    api: `http://${shownHost(settings.host)}:${ports.api}`,
    worker: `http://${shownHost(settings.host)}:${ports.worker}`,
    // On the loopback address alone: there everybody may sign in as anybody.
    simulated: settings.realClerk ? undefined : simulatedUrls(ports),
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
  const migration = join(root, "apps/cli/dist/migrate/main.js");
  await migrate(migration, decideEnvironment("migration", options.named, wiring));
  signal.throwIfAborted();

  const simulator = urls.simulated ? await startSimulatorPart(options, wiring, urls.api) : undefined;
  signal.throwIfAborted();
  say("Starting worker and api");
  const worker = await startPart(options, "worker", wiring);
  const api = await startPart(options, "api", wiring);
  if (urls.simulated) await startExamplePart(options, wiring, { api: urls.api, ...urls.simulated });
  await Promise.all([untilReady(worker, urls.worker, signal), untilReady(api, urls.api, signal)]);
  await writeCommandEnvironment(join(dir, "environment"), {
    ...decideEnvironment("api", options.named, wiring),
    ...decideEnvironment("worker", options.named, wiring),
  });
  const facts = describeSystem({ settings, urls, dir: options.shownDir, adminPassword });
  return { facts, apiUrl: urls.api, simulator };
}

function decidePorts({ ports, realClerk }: Settings): Partial<Settings["ports"]> {
  return realClerk ? { api: ports.api, worker: ports.worker } : ports;
}

function simulatedUrls(ports: Settings["ports"]): { simulator: string; example: string } {
  return { simulator: `http://127.0.0.1:${ports.simulator}`, example: `http://127.0.0.1:${ports.example}` };
}

async function bringPostgres({ dir, parts, say }: StartOptions): Promise<string> {
  const postgres = await startPostgresPart(join(dir, "postgres"), say);
  parts.push({ name: "Postgres", ...postgres });
  return postgres.url;
}

async function startPart(
  { root, dir, named, parts, narrator, say }: StartOptions,
  name: "api" | "worker",
  wiring: Wiring,
): Promise<SupervisedProcess> {
  const part = startProcess({
    name,
    entry: join(root, `apps/${name}/dist/main.js`),
    environment: decideEnvironment(name, named, wiring),
    log: await openLogFile(join(dir, `logs/${name}.log`)),
    onLine: narrator.readLog,
    say,
  });
  parts.push(part);
  return part;
}

/** A wildcard is no address to visit. */
function shownHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
