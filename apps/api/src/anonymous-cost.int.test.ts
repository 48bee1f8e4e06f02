import { createHook } from "node:async_hooks";
import { generateKeyPairSync } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createPool, findMissingMigrations, migrateUp } from "@rollcall/db";
import { migrateQueues } from "@rollcall/jobs";
import { type PostgresServer, startPostgres } from "@rollcall/local-services";
import { createLogger } from "@rollcall/observability";
import type { FastifyInstance, InjectOptions } from "fastify";
import pg from "pg";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { buildApp } from "./app.ts";
import { readApiConfig } from "./config.ts";
import { type ApiContext, createApiContext } from "./context.ts";

const calls = 200;
/** What one refresh of `/readyz` may ask of Postgres. */
const queriesPerRefresh = 10;

let folder: string;
let postgres: PostgresServer;
let context: ApiContext;
let app: FastifyInstance;
/** Every statement of this process, whichever pool sends it. */
const query = vi.spyOn(pg.Client.prototype, "query");
let fileOperations = 0;
const files = createHook({
  init: (_id, type) => {
    if (type.startsWith("FSREQ") || type === "FILEHANDLE") fileOperations++;
  },
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rollcall-anonymous-"));
  postgres = await startPostgres({ dataDir: join(folder, "postgres"), settings: { fsync: "off" } });
  const pool = createPool({
    databaseUrl: postgres.url,
    applicationName: "test",
    onIdleError: () => undefined,
  });
  await migrateUp(pool);
  await migrateQueues(pool.driver);
  await pool.end();
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const config = readApiConfig({
    DATABASE_URL: postgres.url,
    CLERK_JWT_KEY: publicKey.export({ type: "spki", format: "pem" }).toString(),
    CLERK_AUTHORIZED_PARTIES: "http://localhost:5173",
    CLERK_WEBHOOK_SIGNING_SECRET: `whsec_${Buffer.from("a secret that only tests know").toString("base64")}`,
    ADMIN_PASSWORD: "correct horse battery staple",
    METRICS_TOKEN: "a-token-that-only-tests-know",
  });
  context = createApiContext(config, createLogger({ level: "silent", process: "api" }));
  app = await buildApp(context);
  await app.ready();
  // The queues connect in the background, with queries of their own.
  for (const producer of Object.values(context.producers)) await producer.connected(30_000);
});
afterAll(async () => {
  files.disable();
  query.mockRestore();
  await app?.close();
  await context?.close();
  await postgres?.stop("immediate");
  await rm(folder, { recursive: true, force: true });
});

const unsigned = {
  "content-type": "application/json",
  "svix-id": "msg_1",
  "svix-signature": `v1,${Buffer.alloc(32).toString("base64")}`,
};
const webhook = (payload: string): InjectOptions => ({
  method: "POST",
  url: "/api/webhooks/clerk",
  headers: { ...unsigned, "svix-timestamp": String(Math.floor(Date.now() / 1_000)) },
  payload,
});

/** Of the form of ours, but sealed with no account's key. */
const madeUpSession = `rollcall_session=${"a".repeat(43)}.${"b".repeat(43)}`;
const isConsoleBuilt = existsSync(fileURLToPath(new URL("../../console/dist/index.html", import.meta.url)));

/** Each public route as a caller without a secret meets it, and what it answers. `/healthz` is the measure. */
const requests: [string, InjectOptions, number][] = [
  ["/healthz", { url: "/healthz" }, 200],
  ["/readyz", { url: "/readyz" }, 200],
  ["/metrics", { url: "/metrics" }, 404],
  ["no route", { url: "/nothing" }, 404],
  ["no URL", { url: "/%E0%A4%A" }, 400],
  ["ensure", { method: "POST", url: "/api/ensure" }, 401],
  [
    "ensure, 14 KB of languages",
    { method: "POST", url: "/api/ensure", headers: { "accept-language": "x-a,".repeat(3_500) } },
    401,
  ],
  [
    "ensure, a bad token",
    { method: "POST", url: "/api/ensure", headers: { authorization: "Bearer a.b.c" } },
    401,
  ],
  [
    "ensure, a preflight",
    {
      method: "OPTIONS",
      url: "/api/ensure",
      headers: { origin: "http://localhost:5173", "access-control-request-method": "POST" },
    },
    204,
  ],
  ["webhook, unsigned", webhook('{"type":"user.updated"}'), 400],
  ["webhook, unsigned, 250 KB", webhook(`"${"x".repeat(250_000)}"`), 400],
  ["/admin/queues", { url: "/admin/queues" }, 401],
  ["/api/admin/users", { url: "/api/admin/users" }, 401],
  ["a made-up session", { url: "/api/admin/users", headers: { cookie: madeUpSession } }, 401],
  ["a login without a password", { method: "POST", url: "/admin/login", payload: {} }, 400],
  ["a logout of no session", { method: "POST", url: "/admin/logout", payload: {} }, 204],
  ["/admin", { url: "/admin" }, isConsoleBuilt ? 200 : 404],
];

test("no anonymous request costs a query or a file operation; /readyz costs one refresh a second", async () => {
  const costs: { route: string; us: number }[] = [];
  for (const [route, request, status] of requests) {
    await app.inject(request);
    query.mockClear();
    fileOperations = 0;
    files.enable();
    const beganAtMs = performance.now();
    const before = process.cpuUsage();
    for (let call = 0; call < calls; call++) {
      const answer = await app.inject(request);
      expect({ route, status: answer.statusCode }).toEqual({ route, status });
    }
    const { user, system } = process.cpuUsage(before);
    const seconds = (performance.now() - beganAtMs) / 1_000;
    files.disable();
    const refreshes = route === "/readyz" ? Math.ceil(seconds) + 1 : 0;
    // The queues and the watch over Postgres ask by themselves, a few times a second.
    const own = 5 * (Math.ceil(seconds) + 1);
    expect({ route, queries: query.mock.calls.length <= refreshes * queriesPerRefresh + own }).toEqual({
      route,
      queries: true,
    });
    expect({ route, fileOperations }).toEqual({ route, fileOperations: 0 });
    costs.push({ route, us: Math.round((user + system) / calls) });
  }
  // For people: on a busy machine the times say little, so nothing depends on them.
  const [measure] = costs;
  for (const { route, us } of costs) {
    const ratio = measure ? (us / measure.us).toFixed(1) : "";
    process.stdout.write(`${String(us).padStart(6)} µs CPU  ${ratio.padStart(5)} x /healthz  ${route}\n`);
  }
});

test("the api takes 2000 connections", () => {
  expect(app.server.maxConnections).toBe(2_000);
});

test("a refresh of /readyz reads no migration from the disk again", async () => {
  await findMissingMigrations(context.pool);
  fileOperations = 0;
  files.enable();
  expect(await findMissingMigrations(context.pool)).toEqual([]);
  files.disable();
  expect(fileOperations).toBe(0);
});
