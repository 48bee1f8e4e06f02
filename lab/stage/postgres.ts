import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { findFreePort, type PostgresServer, startPostgres } from "@rollcall/local-services";
import pg from "pg";
import { readParent } from "./process-usage.ts";

/** A Postgres server for several runs, each with a database of its own. */
export type Cluster = {
  readonly port: number;
  readonly logFile: string;
  /** Copies the prepared database. @returns the copy's URL */
  createDatabase(): Promise<string>;
  /** Stops the server as in a crash and starts it again. Returns when it accepts connections. */
  crash(downMs: number): Promise<void>;
  stop(): Promise<void>;
};

/**
 * A crash of the server must lose no commit. Without fsync, commits reach the kernel but not the disk; the machine itself
 * does not crash. The log prefix names each error's SQLSTATE and application.
 */
const settings = {
  fsync: "off",
  max_connections: "300",
  log_line_prefix: "%m [%p] %e %a | ",
};

/** @param prepare fills the first database; all others are copies of it */
export async function startCluster(prepare: (databaseUrl: string) => Promise<void>): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-chaos-postgres-"));
  const options = { dataDir: join(folder, "data"), port: await findFreePort(), settings, sync: false };
  let server: PostgresServer = await startPostgres(options);
  const { url } = server;
  let databases = 0;
  const copyDatabase = async (from: string, to: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    // The default strategy copies the numbers that a sequence has reserved, and not that it has. After a crash, the copy
    // would give them again.
    await client.query(`create database ${to} template ${from} strategy file_copy`);
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

/** Opens one connection for one piece of work. The server may crash between two of them. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: "chaos" });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The pid of the server, whose children are the processes of its connections. */
export function findPostmaster(databaseUrl: string): Promise<number> {
  return withClient(databaseUrl, async (db) => {
    const { rows } = await db.query<{ pid: number }>("select pg_backend_pid() as pid");
    return readParent(rows[0]?.pid ?? 0);
  });
}

/** Applies the migrations of the build at `root`. @param environment further variables */
export async function migrateDatabase(
  root: string,
  databaseUrl: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  await promisify(execFile)(process.execPath, [join(root, "apps/cli/dist/migrate/main.js")], {
    cwd: root,
    env: { PATH: process.env["PATH"] ?? "", DATABASE_URL: databaseUrl, ...environment },
  });
}
