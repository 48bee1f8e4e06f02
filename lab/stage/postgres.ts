import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { findFreePort, type PostgresServer, startPostgres } from "@rollcall/local-services";
import pg from "pg";
import { startTcpProxy, type TcpProxy } from "../../tests/harness/tcp-proxy.ts";
import { primarySettings, type Replica, type ReplicaOptions, startReplica } from "./postgres-replica.ts";
import { readParent } from "./process-usage.ts";

/** A Postgres server for several runs, each with a database of its own. */
export type Cluster = {
  /** The log of the present primary. */
  readonly logFile: string;
  /** The logs of all servers so far. */
  readonly logFiles: readonly string[];
  /** Copies the prepared database. @returns the copy's URL. With a replica, it leads to the present primary */
  createDatabase(): Promise<string>;
  /** Stops the server as in a crash and starts it again. Returns when it accepts connections. */
  crash(downMs: number): Promise<void>;
  /** Starts a streaming replica, for the databases that are made from now on. */
  replicate(mode: ReplicaOptions["mode"]): Promise<void>;
  /**
   * Kills the primary and promotes its replica, which then gets a replica of its own.
   *
   * @returns when the primary was dead, in milliseconds since the epoch
   */
  failOver(failover: Failover): Promise<number>;
  /** Stops the replica. */
  endReplication(): Promise<void>;
  stop(): Promise<void>;
};

export type Failover = {
  /** For this long before the primary dies, its replica gets nothing. Asynchronous replication then loses commits. */
  lostMs: number;
  /** The address leads to the replica for this long before the replica takes writes. */
  readOnlyMs: number;
  /** Called right before the primary dies, and once the replica takes writes. */
  observe?: (serverUrl: string) => Promise<void>;
};

/**
 * A crash of the server must lose no commit. Without fsync, commits reach the kernel but not the disk; the machine itself
 * does not crash. The log prefix names each error's SQLSTATE and application.
 */
const settings = {
  ...primarySettings,
  fsync: "off",
  max_connections: "300",
  log_line_prefix: "%m [%p] %e %a | ",
};

/** @param prepare fills the first database; all others are copies of it */
export async function startCluster(prepare: (databaseUrl: string) => Promise<void>): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-chaos-postgres-"));
  const start = (of?: PostgresServer) =>
    startPostgres({
      dataDir: of?.dataDir ?? join(folder, "data"),
      port: of?.port ?? freePort,
      settings,
      sync: false,
    });
  const freePort = await findFreePort();
  let server = await start();
  const logFiles = [server.logFile];
  let databases = 0;
  let replicas = 0;
  let replicated: { replica: Promise<Replica>; mode: ReplicaOptions["mode"]; address: TcpProxy } | undefined;

  /** One at a time: on a busy machine, a fault may begin before the one before it is over. */
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work);
    turn = done.catch(() => undefined);
    return done;
  };

  const copyDatabase = async (from: string, to: string) => {
    // The default strategy copies the numbers that a sequence has reserved, and not that it has. After a crash, the copy
    // would give them again.
    await withClient(server.url, (db) =>
      db.query(`create database ${to} template ${from} strategy file_copy`),
    );
    const copied = new URL(replicated?.address.proxied(server.url) ?? server.url);
    copied.pathname = `/${to}`;
    return copied.href;
  };
  const addReplica = async (mode: ReplicaOptions["mode"]) => {
    replicas += 1;
    const dataDir = join(folder, `replica-${replicas}`);
    const replica = await startReplica(server, { dataDir, settings, mode });
    logFiles.push(replica.server.logFile);
    return replica;
  };

  const crash = async (downMs: number) => {
    // A backup of a server that crashes is of no use.
    await replicated?.replica.catch(() => undefined);
    await server.stop("immediate");
    await sleep(downMs);
    server = await start(server);
  };
  const failOver = async ({ lostMs, readOnlyMs, observe }: Failover) => {
    if (!replicated) throw new Error("There is no replica");
    const { address, mode } = replicated;
    const replica = await replicated.replica;
    replica.cut();
    await sleep(lostMs);
    await observe?.(server.url);
    const old = server;
    await old.stop("immediate");
    const deadAtMs = Date.now();
    address.leadTo(replica.server.port);
    await sleep(readOnlyMs);
    server = await replica.promote();
    await observe?.(server.url);
    await replica.stop();
    await rm(old.dataDir, { recursive: true, force: true });
    replicated.replica = addReplica(mode);
    // A failure is reported by the next call that needs the replica.
    replicated.replica.catch(() => undefined);
    return deadAtMs;
  };

  const endReplication = async () => {
    const { replica, address } = replicated ?? {};
    replicated = undefined;
    await (await replica?.catch(() => undefined))?.stop();
    await address?.close();
  };

  await prepare(await copyDatabase("template0", "prepared"));
  return {
    get logFile() {
      return server.logFile;
    },
    logFiles,
    createDatabase: () => {
      databases += 1;
      return copyDatabase("prepared", `run_${databases}`);
    },
    crash: (downMs) => inTurn(() => crash(downMs)),
    replicate: async (mode) => {
      const replica = await addReplica(mode);
      const address = await startTcpProxy(server.port);
      replicated = { replica: Promise.resolve(replica), mode, address };
    },
    failOver: (failover) => inTurn(() => failOver(failover)),
    endReplication: () => inTurn(endReplication),
    stop: async () => {
      await inTurn(endReplication);
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
