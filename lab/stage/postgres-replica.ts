import { execFile } from "node:child_process";
import { chown, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { findFreePort, type PostgresServer, startPostgres } from "@rollcall/local-services";
import pg from "pg";
import { startTcpProxy } from "../../tests/harness/tcp-proxy.ts";
import { waitFor } from "../../tests/harness/wait-for.ts";

/** A Postgres that streams what its primary writes, and answers reads. */
export type Replica = {
  /** Nothing that the primary writes from now on reaches the replica, whatever the kernels still hold. */
  cut(): void;
  /** Ends replication: the replica takes writes. @returns the server, which its new owner must stop */
  promote(): Promise<PostgresServer>;
  /** The server, before and after its promotion. */
  readonly server: PostgresServer;
  stop(): Promise<void>;
};

/** Settings of a server that may get a replica. It keeps enough for a replica that was away for a while. */
export const primarySettings = { wal_keep_size: "512MB" };

export type ReplicaOptions = {
  dataDir: string;
  /** Settings of the primary: a replica needs at least as many connections. */
  settings: Record<string, string>;
  /** With `sync`, each commit of the primary waits until the replica has it. */
  mode: "async" | "sync";
};

/** Makes a replica from a backup of the running primary, and waits until it streams. */
export async function startReplica(primary: PostgresServer, options: ReplicaOptions): Promise<Replica> {
  const { dataDir, settings, mode } = options;
  await copyRunning(primary, dataDir);
  const stream = await startTcpProxy(primary.port);
  const { password } = new URL(primary.url);
  const server = await startPostgres({
    dataDir,
    port: await findFreePort(),
    settings: {
      ...settings,
      primary_conninfo: `host=127.0.0.1 port=${stream.port} user=postgres password=${password}`,
      wal_retrieve_retry_interval: "100ms",
    },
  });
  let isPromoted = false;
  const stop = async () => {
    if (!isPromoted) {
      await stopWaiting(primary).catch(() => undefined);
      await server.stop("immediate");
      await rm(dataDir, { recursive: true, force: true });
    }
    await stream.close();
  };
  try {
    await untilStreaming(primary);
    if (mode === "sync") await query(primary.url, "alter system set synchronous_standby_names = '*'");
    if (mode === "sync") await query(primary.url, "select pg_reload_conf()");
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    server,
    cut: () => stream.blackhole(),
    promote: async () => {
      await query(server.url, "select pg_promote(true, 60)");
      isPromoted = true;
      return server;
    },
    stop,
  };
}

/** Without its replica, a primary with synchronous replication would never finish a commit. */
async function stopWaiting({ url }: PostgresServer): Promise<void> {
  await query(url, "alter system reset synchronous_standby_names");
  await query(url, "select pg_reload_conf()");
}

function untilStreaming({ url }: PostgresServer): Promise<unknown> {
  return waitFor("the replica to stream", async () => {
    const [row] = await query(url, "select from pg_stat_replication where state = 'streaming'");
    return row;
  });
}

/** What a backup leaves out: files of the running server, and what the replica gets by streaming. */
const leftOut = ["postmaster.pid", "postmaster.opts"];
const emptied = ["pg_wal", "pg_replslot", "pg_stat_tmp"];

/** Does what pg_basebackup does, which is not among the programs of the embedded Postgres. */
async function copyRunning(primary: PostgresServer, to: string): Promise<void> {
  const client = new pg.Client({ connectionString: primary.url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    await client.query("select pg_backup_start('replica', true)");
    await copyFolder(primary.dataDir, to);
    const { rows } = await client.query<{ labelfile: string }>(
      "select labelfile from pg_backup_stop(wait_for_archive => false)",
    );
    const { uid, gid } = await stat(join(to, "PG_VERSION"));
    for (const [name, text] of [
      ["backup_label", rows[0]?.labelfile ?? ""],
      ["standby.signal", ""],
    ] as const) {
      await writeFile(join(to, name), text);
      await chown(join(to, name), uid, gid);
    }
  } finally {
    await client.end();
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  // Postgres removes files while they are copied. The replica removes them too, when it replays that.
  await promisify(execFile)("cp", ["-a", from, to]).catch((error: { stderr?: string }) => {
    const lines = (error.stderr ?? "?").trim().split("\n");
    if (!lines.every((line) => line.includes("No such file or directory"))) throw error;
  });
  for (const name of leftOut) await rm(join(to, name), { force: true });
  for (const folder of emptied) {
    for (const entry of await readdir(join(to, folder), { withFileTypes: true }))
      if (entry.isFile()) await rm(join(to, folder, entry.name));
  }
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, application_name: "stage" });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
