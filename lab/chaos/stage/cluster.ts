import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type PostgresServer, startPostgres } from "@rollcall/local-services";
import pg from "pg";
import { findSteadyPort } from "./free-port.ts";

/** A Postgres that several seeds share, each with a database of its own. */
export type Cluster = {
  readonly port: number;
  readonly logFile: string;
  /** A new database like the one that `prepare` made. @returns its URL */
  createDatabase(): Promise<string>;
  /** Ends at once, as in a crash, and starts again later. Returns when it takes connections. */
  crash(downMs: number): Promise<void>;
  stop(): Promise<void>;
};

/**
 * Commits are written before they are answered, since a crash of the server must lose none; they need not reach
 * the disk, since the machine does not crash. The log tells each error's SQLSTATE and whose it is.
 */
const settings = {
  fsync: "off",
  max_connections: "300",
  log_line_prefix: "%m [%p] %e %a | ",
};

/** @param prepare fills the first database, of which every other is a copy */
export async function startCluster(prepare: (databaseUrl: string) => Promise<void>): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-chaos-postgres-"));
  const options = { dataDir: join(folder, "data"), port: await findSteadyPort(), settings, sync: false };
  let server: PostgresServer = await startPostgres(options);
  const { url } = server;
  let databases = 0;
  const copyDatabase = async (from: string, to: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(`create database ${to} template ${from}`);
    await client.end();
    const copied = new URL(url);
    copied.pathname = `/${to}`;
    return copied.href;
  };
  await prepare(await copyDatabase("template0", "prepared"));
  return {
    port: server.port,
    logFile: server.logFile,
    createDatabase: () => {
      databases += 1;
      return copyDatabase("prepared", `run_${databases}`);
    },
    crash: async (downMs) => {
      await server.stop("immediate");
      await sleep(downMs);
      server = await startPostgres(options);
    },
    stop: async () => {
      await server.stop("immediate");
      await rm(folder, { recursive: true, force: true });
    },
  };
}
