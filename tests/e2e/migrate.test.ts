import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createPool, type Pool } from "@rollcall/db";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { makeProcessFolder } from "../harness/process.ts";

const main = fileURLToPath(new URL("../../apps/cli/dist/migrate/main.js", import.meta.url));
const secret = "sEcr3t";
let server: Pool;

beforeAll(() => {
  server = openPool(inject("postgresUrl"));
});
afterAll(() => server.end());

type Ended = { code: number; stdout: string; stderr: string };

function migrate(databaseUrl: string, ...args: string[]): Promise<Ended> {
  return migrateIn(makeProcessFolder(), databaseUrl, ...args);
}

function migrateIn(folder: string, databaseUrl: string, ...args: string[]): Promise<Ended> {
  const env = { PATH: process.env["PATH"], DATABASE_URL: databaseUrl };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [main, ...args], { cwd: folder, env }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

function openPool(databaseUrl: string): Pool {
  return createPool({
    databaseUrl,
    applicationName: "test",
    searchPath: "public",
    onIdleError: () => undefined,
  });
}

async function createDatabase(): Promise<string> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  await server.query(`create database ${name}`);
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${name}`;
  return url.href;
}

async function withPort<T>(answering: Server, work: (port: number) => Promise<T>): Promise<T> {
  await new Promise<void>((resolve) => answering.listen(0, "127.0.0.1", resolve));
  const address = answering.address();
  try {
    return await work(typeof address === "object" && address ? address.port : 0);
  } finally {
    answering.close();
  }
}

/** One message of Postgres' protocol. */
function message(type: string, body: string, head: number[] = []): Buffer {
  const content = Buffer.concat([Buffer.from(head), Buffer.from(body, "latin1")]);
  const length = Buffer.alloc(4);
  length.writeInt32BE(content.length + 4);
  return Buffer.concat([Buffer.from(type), length, content]);
}

const ready = message("Z", "I");

/** Answers as a transaction pooler does: every connection gets the same server process. */
function createPooler(): Server {
  const column = `pid\0${"\0".repeat(6)}\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0`;
  const answer = Buffer.concat([
    message("T", column, [0, 1]),
    message("D", "\0\0\0\x0242", [0, 1]),
    message("C", "SELECT 1\0"),
    ready,
  ]);
  return createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.write(Buffer.concat([message("R", "\0\0\0\0"), ready]));
      socket.on("data", (bytes) => bytes.toString("latin1").startsWith("Q") && socket.write(answer));
    });
  });
}

function createRefusal(code: string, text: string): Server {
  return createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(message("E", `SFATAL\0C${code}\0M${text}\0\0`)));
  });
}

test("a mapping in the current folder that no variable names is refused, and no table is made", async () => {
  const folder = makeProcessFolder();
  await writeFile(join(folder, "rollcall.config.json"), "{}");
  const url = await createDatabase();
  const { code, stderr } = await migrateIn(folder, url);
  expect(code).toBe(1);
  expect(stderr).toContain("rollcall.config.json is here, but ROLLCALL_CONFIG is not set");
  const pool = openPool(url);
  const made = await pool.query("select to_regclass('users') as users");
  await pool.end();
  expect(made.rows).toEqual([{ users: null }]);
});

test("several processes can run both kinds of migrations at once, and --down reverts one at a time", async () => {
  const url = await createDatabase();
  const ups = await Promise.all([migrate(url), migrate(url), migrate(url)]);
  expect(ups.map(({ code, stderr }) => ({ code, stderr }))).toEqual(Array(3).fill({ code: 0, stderr: "" }));
  expect(ups.filter(({ stdout }) => stdout.startsWith("Applied 0001_users_and_mentorados"))).toHaveLength(1);
  expect(ups.filter(({ stdout }) => stdout === "Nothing to apply\n")).toHaveLength(2);
  const pool = openPool(url);
  try {
    const queues = await pool.query("select from pg_tables where schemaname = 'bullmq'");
    expect(queues.rows.length).toBeGreaterThan(0);
    const last = await pool.query("select max(id) as id from rollcall.migrations");
    expect((await migrate(url, "--down")).stdout).toBe(`Reverted ${last.rows[0]?.id}\n`);
  } finally {
    await pool.end();
  }
});

test("every misfit of existing tables is printed, with exit code 1", async () => {
  const url = await createDatabase();
  const pool = openPool(url);
  await pool.query("create table public.users (id text primary key, email text unique)");
  await pool.end();
  const { code, stdout, stderr } = await migrate(url);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr.split("\n")).toEqual([
    "The database does not fit, and nothing was changed:",
    "  public.users.id is text, but must be integer: change its type, or rename it",
    expect.stringContaining("public.users.id has no default"),
    "  public.users.email is unique (users_email_key), but people may share it: drop that (alter table public.users drop constraint users_email_key)",
    "",
  ]);
});

test.each([["--up"], ["--down=yes"], [`postgres://u:${secret}@h/db`]])(
  "an argument like %s shows the usage and nothing else, with exit code 2",
  async (argument) => {
    const { code, stderr } = await migrate(inject("postgresUrl"), argument);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^Usage: rollcall migrate/);
    expect(stderr).not.toContain(secret);
  },
);

test("--help shows the usage with exit code 0 and connects to no database", async () => {
  const { code, stdout, stderr } = await migrate("", "--help");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^Usage: rollcall migrate/);
});

test.each([
  ["no server listens", `postgres://someone:${secret}@127.0.0.1:1/here`, "cannot be reached"],
  ["no server listens at any address", `postgres://someone:${secret}@localhost:1/here`, "(ECONNREFUSED)"],
  ["the host is not known", `postgres://someone:${secret}@nowhere.invalid/here`, "cannot be reached"],
  ["the URL cannot be parsed", `postgres://someone:${secret}#@nowhere.invalid/here`, "percent-encode"],
])("when %s, the message names DATABASE_URL and no part of it", async (_, url, text) => {
  const { code, stderr } = await migrate(url);
  expect(code).toBe(1);
  expect(stderr).toContain("DATABASE_URL");
  expect(stderr).toContain(text);
  expect(stderr).not.toMatch(new RegExp(`${secret}|someone|nowhere|here\\b`, "i"));
});

test.each([
  ["28P01", `password authentication failed for user "someone"`, "refused the user or the password"],
  ["3D000", `database "mine" does not exist`, "The database that DATABASE_URL names does not exist"],
  ["08P01", "unsupported startup parameter: statement_timeout", "DATABASE_URL leads to PgBouncer"],
  ["42501", `permission denied for database mine`, "lacks a privilege"],
])("when the server answers %s, the message says what to do", async (code, said, text) => {
  const ended = await withPort(createRefusal(code, said), (port) =>
    migrate(`postgres://someone:${secret}@127.0.0.1:${port}/mine`),
  );
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain(text);
  expect(ended.stderr).not.toMatch(new RegExp(`${secret}|someone|\\bmine\\b`));
});

test("a transaction pooler is refused before any migration starts", async () => {
  const ended = await withPort(createPooler(), (port) => migrate(`postgres://u@127.0.0.1:${port}/db`));
  expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining("transaction pooler") });
});
