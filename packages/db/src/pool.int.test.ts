import { once } from "node:events";
import net from "node:net";
import { createDatabase } from "@rollcall/local-services";
import pg from "pg";
import { expect, inject, onTestFinished, test } from "vitest";
import { createPool, createQueuePool } from "./pool.ts";
import { inTransaction } from "./transaction.ts";

/** A message of Postgres' protocol: a letter, the length, the content. */
function message(letter: string, content: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(letter, 0, "latin1");
  head.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([head, content]);
}

const authenticated = message("R", Buffer.alloc(4));
const ready = message("Z", Buffer.from("I"));
const terminated = message("E", Buffer.from("SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"));

test("a connection that ends at the moment it is ready fails the transaction and nothing else", async () => {
  const server = net.createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(Buffer.concat([authenticated, ready, terminated])));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo; // TCP servers have one.
  const pool = createPool({
    databaseUrl: `postgres://user@127.0.0.1:${port}/any`,
    applicationName: "test",
    onIdleError: () => undefined,
  });
  onTestFinished(async () => {
    await pool.end();
    server.close();
  });
  await expect(inTransaction(pool, (client) => client.query("select 1"))).rejects.toThrow();
});

/** A database whose new sessions are read-only until `mend` is called. A session keeps the setting for as long as it lives. */
async function openReadOnlyDatabase(): Promise<{ databaseUrl: string; mend: () => Promise<void> }> {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  const name = new URL(databaseUrl).pathname.slice(1);
  const admin = new pg.Client({ connectionString: inject("postgresUrl") });
  await admin.connect();
  onTestFinished(() => admin.end());
  const set = (value: string) =>
    admin.query(`alter database "${name}" set default_transaction_read_only = ${value}`);
  await set("on");
  return { databaseUrl, mend: async () => void (await set("off")) };
}

test("a connection whose server refuses writes is not used again, also after a transaction", async () => {
  const { databaseUrl, mend } = await openReadOnlyDatabase();
  const pool = createPool({ databaseUrl, applicationName: "test", max: 1, onIdleError: () => undefined });
  onTestFinished(() => pool.end());
  const write = () => inTransaction(pool, (client) => client.query("create table public.made ()"));
  await expect(write()).rejects.toMatchObject({ code: "postgres.unavailable", sqlState: "25006" });
  await mend();
  await write();
});

test("BullMQ's pool does the same for a client that is released without its error", async () => {
  const { databaseUrl, mend } = await openReadOnlyDatabase();
  const pool = createQueuePool({ databaseUrl, max: 1, onIdleError: () => undefined });
  onTestFinished(() => pool.end());
  const write = async () => {
    const client = await pool.connect();
    try {
      await client.query("create table public.made ()");
    } finally {
      client.release();
    }
  };
  await expect(write()).rejects.toMatchObject({ code: "25006" });
  await mend();
  await write();
});

test("one refused write closes the idle connections that were made before it too", async () => {
  const { databaseUrl, mend } = await openReadOnlyDatabase();
  const pool = createPool({ databaseUrl, applicationName: "test", max: 4, onIdleError: () => undefined });
  onTestFinished(() => pool.end());
  const readPid = async () => (await pool.query("select pg_backend_pid() as pid")).rows[0]?.pid;
  // Connections that only read, and so would never meet a refusal of their own.
  const before = await Promise.all(
    Array.from({ length: 4 }, () => pool.query("select pg_backend_pid() as pid, pg_sleep(0.2)")),
  );
  await expect(pool.query("create table public.made ()")).rejects.toMatchObject({ sqlState: "25006" });
  await mend();
  const old = before.map(({ rows }) => rows[0]?.pid);
  for (let turn = 0; turn < 8; turn++) expect(old).not.toContain(await readPid());
});

test("options in DATABASE_URL are kept, and do not reach past ours", async () => {
  const url = new URL(inject("postgresUrl"));
  url.searchParams.set("options", "-csearch_path=app,public -c timezone=America/Sao_Paulo -c work_mem=5MB");
  const options = { databaseUrl: url.href, onIdleError: () => undefined };
  const [pool, queues] = [createPool({ ...options, applicationName: "test" }), createQueuePool(options)];
  onTestFinished(async () => void (await Promise.all([pool.end(), queues.end()])));
  const show = (name: string) => `current_setting('${name}') as ${name}`;
  const statement = `select ${["search_path", "timezone", "work_mem"].map(show).join(", ")}`;
  const [own] = (await pool.query(statement)).rows;
  expect(own).toEqual({ search_path: "pg_catalog,pg_temp", timezone: "UTC", work_mem: "5MB" });
  const [theirs] = (await queues.query(statement)).rows;
  expect(theirs).toMatchObject({ search_path: "bullmq,pg_temp", work_mem: "5MB" });
});
