import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RemoteClerkSimulator } from "@rollcall/clerk-simulator";
import { defaultMapping } from "@rollcall/contracts";
import { findFreePort } from "@rollcall/local-services";
import { makeDistantCron } from "../../../tests/harness/distant-cron.ts";
import { urlOfRole } from "../../../tests/harness/roles.ts";
import { startTcpProxy, type TcpProxy } from "../../../tests/harness/tcp-proxy.ts";
import type { Cluster } from "../../stage/postgres.ts";
import { takeReconcileLeases, untilFirstFullSync } from "../../stage/reconcile-leases.ts";
import { createTokenMint, origin, type TokenMint } from "../../stage/session-tokens.ts";
import { startSimulatorProcess } from "../../stage/simulator-process.ts";
import { type App, type AppName, apps } from "../apps.ts";
import type { OuterSpan } from "../plan/outer-faults.ts";
import type { Plan, Service, Setup } from "../plan/plan.ts";
import type { ProcessName } from "../plan/process-name.ts";
import { type Clock, createClock, findFaketime } from "./clock.ts";
import { type Network, openNetwork } from "./network.ts";
import { type PrivateRedis, startPrivateRedis } from "./private-redis.ts";
import { type SupervisedProcess, superviseProcess } from "./supervised-process.ts";

export const webhookSecret = `whsec_${Buffer.from("a secret of the chaos runs").toString("base64")}`;
export const adminPassword = "a password of the chaos runs";

/** Two apis and two workers as in production, with all their services. Each connection goes through a proxy. */
export type Stage = {
  readonly folder: string;
  readonly backend: Plan["backend"];
  readonly setup: Setup;
  readonly app: App;
  readonly databaseUrl: string;
  readonly redis: PrivateRedis | undefined;
  /** The most shards that a process uses. */
  readonly shards: number;
  readonly cluster: Cluster;
  readonly clerk: RemoteClerkSimulator;
  readonly tokens: TokenMint;
  readonly processes: Readonly<Record<ProcessName, SupervisedProcess>>;
  readonly apis: readonly [SupervisedProcess, SupervisedProcess];
  /** Undefined without libfaketime, and if the plan moves no clock. */
  readonly clocks: Readonly<Record<ProcessName, Clock>> | undefined;
  /** Undefined where namespaces are forbidden, and if the plan has no fault of the network. */
  readonly network: Network | undefined;
  /** When faults of what surrounds Rollcall began and ended. */
  readonly outerSpans: OuterSpan[];
  /** Undefined for Redis when queues are on Postgres. */
  proxy(process: ProcessName, service: Service): TcpProxy | undefined;
  /** Stops the apis and workers gracefully. @returns the exits with another code than 0 */
  stopProcesses(): Promise<string[]>;
  /** Stops everything else. */
  close(): Promise<void>;
};

export type StageOptions = {
  seed: number;
  backend: Plan["backend"];
  /** As in `Plan`. */
  shards?: number;
  app: AppName;
  /** As in `Plan`; "single" by default. */
  setup?: Setup;
  /** The folder with the built apps: `apps/<app>/dist/main.js` and the packages that they import. */
  root: string;
  /** The same folder of another build, for api1 and worker1: two releases side by side. */
  otherRoot?: string | undefined;
  /** For logs and data. */
  folder: string;
  cluster: Cluster;
  redisBinary: string | undefined;
  /** See `Plan`. false: no reconcile runs before healing. */
  reconciles?: boolean;
  /** Fills Clerk before the first process starts. The stage does not wait for the full sync that then finds its users. */
  fillClerk?: ((clerk: RemoteClerkSimulator) => Promise<void>) | undefined;
  /** Gives each process a network namespace of its own, in which services have names. */
  hasNetwork?: boolean;
  /** Gives each process a clock of its own. */
  movesClocks?: boolean;
  /** Variables of each process, beside those of the stage. */
  environment?: Readonly<Record<string, string>> | undefined;
  /** The URL of a module that each process loads first. */
  preload?: (process: ProcessName) => string;
};

/** Starts everything. If one part does not start, the others are stopped again. */
export async function startStage(options: StageOptions): Promise<Stage> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const closeOne of closers.splice(0).reverse()) await closeOne();
  };
  try {
    return await startParts(options, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function startParts(
  options: StageOptions,
  closers: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<Stage> {
  const { backend, root, folder, cluster, shards = 1, setup = "single" } = options;
  await mkdir(folder, { recursive: true });
  const redis = backend === "redis" ? await startRedisIn(options) : undefined;
  if (redis) closers.push(redis.stop);
  const app = apps[options.app];
  const configuration = await writeConfiguration(folder, app);
  const secretKey = "sk_test_chaos";
  const simulator = await startSimulatorProcess(secretKey, options.seed, nameOf("clerk"));
  closers.push(simulator.stop);
  if (setup === "replica" || setup === "sync-replica") {
    await cluster.replicate(setup === "replica" ? "async" : "sync");
    closers.push(cluster.endReplication);
  }
  const [tokens, databaseUrl] = await Promise.all([createTokenMint(), cluster.createDatabase()]);
  const { clerk } = simulator;
  await options.fillClerk?.(clerk);

  const network = options.hasNetwork ? await openNetwork() : undefined;
  if (network) closers.push(network.close);
  const proxies = new Map<string, TcpProxy>();
  const openProxy = async (process: ProcessName, service: Service, url: string) => {
    const link = network?.links[process];
    const place = link && { host: link.host, name: nameOf(service) };
    const proxy = await startTcpProxy(Number(new URL(url).port), place);
    closers.push(proxy.close);
    proxies.set(`${process} ${service}`, proxy);
    return proxy.proxied(url);
  };
  const faketime = options.movesClocks ? await findFaketime() : undefined;
  const clocks =
    faketime === undefined ? undefined : makeForEach((name) => createClock(faketime, folder, name));
  const start = async (name: ProcessName) => {
    const program = name.startsWith("api") ? "api" : "worker";
    const home = name.endsWith("1") ? (options.otherRoot ?? root) : root;
    const port = await findFreePort();
    const link = network?.links[name];
    const host = link?.address ?? "127.0.0.1";
    const environment = {
      DATABASE_URL: await openProxy(name, "postgres", urlOfRole(databaseUrl, program)),
      ...(redis && { REDIS_URL: await openProxy(name, "redis", redis.url) }),
      QUEUE_SHARDS: String(name === "api0" ? shards : 1),
      CLERK_API_URL: await openProxy(name, "clerk", clerk.url),
      CLERK_SECRET_KEY: secretKey,
      CLERK_WEBHOOK_SIGNING_SECRET: webhookSecret,
      CLERK_JWT_KEY: tokens.jwtKey,
      CLERK_AUTHORIZED_PARTIES: origin,
      ADMIN_PASSWORD: adminPassword,
      RECONCILE_CATCHUP_EVERY_MS: options.reconciles ? "5000" : "3600000",
      RECONCILE_FULL_CRON: makeDistantCron(),
      // As in the image, see the Dockerfile.
      MALLOC_ARENA_MAX: "2",
      ...(options.preload && { NODE_OPTIONS: `--import ${options.preload(name)}` }),
      ...configuration,
      ...clocks?.[name].environment,
      HOST: host,
      ...options.environment,
      [program === "api" ? "PORT" : "WORKER_PORT"]: String(port),
    };
    const started = superviseProcess({
      name,
      entry: join(home, `apps/${program}/dist/main.js`),
      root: home,
      environment,
      url: `http://${host}:${port}`,
      command: link?.command ?? ((program, args) => [program, [...args]]),
      logFile: join(folder, `${name}.log`),
    });
    closers.push(started.stop);
    return started;
  };
  const [api0, api1] = [await start("api0"), await start("api1")];
  const [worker0, worker1] = [await start("worker0"), await start("worker1")];
  const processes = { api0, api1, worker0, worker1 };
  await Promise.all(Object.values(processes).map((process) => process.untilAlive(60_000)));
  if (!options.fillClerk) await untilFirstFullSync(databaseUrl);
  if (!options.reconciles) await takeReconcileLeases(databaseUrl);

  return {
    folder,
    backend,
    setup,
    app,
    databaseUrl,
    redis,
    shards,
    cluster,
    clerk,
    tokens,
    processes,
    clocks,
    network,
    outerSpans: [],
    apis: [api0, api1],
    proxy: (process, service) => proxies.get(`${process} ${service}`),
    stopProcesses: async () =>
      (await Promise.all(Object.values(processes).map((process) => process.stop()))).flatMap(
        (end) => end ?? [],
      ),
    close,
  };
}

/** The host name of a service in the processes' namespaces. */
const nameOf = (service: Service) => `${service}.chaos.test`;

function makeForEach<T>(make: (name: ProcessName) => T): Record<ProcessName, T> {
  return { api0: make("api0"), api1: make("api1"), worker0: make("worker0"), worker1: make("worker1") };
}

/** Writes the mapping of an app into a folder. @returns the variable that names it; none for the default */
export async function writeConfiguration(folder: string, { mapping }: App): Promise<Record<string, string>> {
  if (mapping === defaultMapping) return {};
  const file = join(folder, "rollcall.config.json");
  await writeFile(file, JSON.stringify(mapping));
  return { ROLLCALL_CONFIG: file };
}

function startRedisIn({ redisBinary, folder }: StageOptions): Promise<PrivateRedis> {
  if (!redisBinary) throw new Error("No redis-server or valkey-server on PATH");
  return startPrivateRedis(redisBinary, join(folder, "redis"));
}
