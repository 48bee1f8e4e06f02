import { secretVariables } from "@rollcall/contracts";
import { findFreePort } from "@rollcall/local-services";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { chooseBackend } from "../harness/backends.ts";
import { repository } from "../harness/bare-project.ts";
import { ensure, postWebhook, untilProfile } from "../harness/calls.ts";
import { type RunningProcess, runProcess } from "../harness/process.ts";
import { sendRaw } from "../harness/raw-http.ts";
import { adminPassword, origin, type System, startSystem, webhookSecret } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";
import { type WildRoute, wildRequest } from "../harness/wild-requests.ts";

/** Words that none of our code contains. If one of them appears anywhere, a secret leaked. */
const word = (of: string) => `kanarienvogel-${of}`;
/** The word, and how it begins in base64, which is how the keys of signatures are written. */
const secrets = /kanarienvogel|a2FuYXJpZW52b2dl/;
const webhookKey = (of: string) => `whsec_${Buffer.from(word(of)).toString("base64")}`;
/** An operator's entry, with the word in its salt. */
const operatorEntry = `ana:viewer:scrypt.32768.8.1.${word("salt").padEnd(22, "_")}.${"A".repeat(43)}`;
const person = { firstName: "Serinus", email: "serinus@example.com" };

let system: System;
beforeAll(async () => {
  system = await startSystem({
    backend: chooseBackend(),
    environment: {
      LOG_LEVEL: "trace",
      METRICS_TOKEN: word("metrics"),
      ADMIN_OPERATORS: operatorEntry,
      // The fuzz run writes its requests in the names of many addresses, because one has 3000 refusals a minute.
      TRUST_PROXY: "127.0.0.1",
      // No server listens there, so that the log reports both.
      ALERT_WEBHOOK_URL: `http://127.0.0.1:2/hooks/${word("alerts")}`,
      MENTORADO_CREATED_URL: `http://127.0.0.1:2/hooks/${word("hook")}`,
      MENTORADO_CREATED_SECRET: webhookKey("hook-secret"),
    },
  });
  await untilProfile(system, (await system.clerk.users.create(person)).id);
});
afterAll(() => system?.stop());

const basic = (password: string) => `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;

/** Runs a second api beside the system's own. */
async function withApi<T>(own: Record<string, string>, work: (api: System) => Promise<T>): Promise<T> {
  const port = await findFreePort();
  const api = runProcess("apps/api/dist/main.js", { ...system.environment, ...own, PORT: String(port) });
  const apiUrl = `http://127.0.0.1:${port}`;
  try {
    await waitFor("the api", async () => ((await fetch(`${apiUrl}/healthz`)).ok ? true : undefined));
    return await work({ ...system, apiUrl, api });
  } finally {
    await api.stop("SIGKILL");
  }
}

describe("a spoofed X-Forwarded-For", () => {
  /** Sends 20 wrong passwords with the headers of `from`, then another one with `then`. @returns its status */
  async function guess(api: System, from: (attempt: number) => string, then: string): Promise<number> {
    const send = async (address: string) => {
      const headers = { authorization: basic("a guess"), "x-forwarded-for": address };
      return (await callAdmin(api, "/api/admin/alerts", { headers })).status;
    };
    for (let attempt = 0; attempt < 20; attempt++) expect(await send(from(attempt))).toBe(401);
    return send(then);
  }

  test("is ignored when no proxy is trusted: a caller that guesses passwords is blocked under any address", async () => {
    await withApi({ TRUST_PROXY: "" }, async (api) => {
      expect(await guess(api, (attempt) => `198.51.100.${attempt}`, "203.0.113.9")).toBe(429);
    });
  });

  test("is ignored behind a trusted proxy, where only the proxy's own entry counts", async () => {
    await withApi({ TRUST_PROXY: "127.0.0.1" }, async (api) => {
      const spoofing = (attempt: number) => `198.51.100.${attempt}, 203.0.113.9`;
      expect(await guess(api, spoofing, "192.0.2.1, 203.0.113.9")).toBe(429);
      // Callers at other addresses are not blocked, and the right password is not at any.
      const other = { "x-forwarded-for": "203.0.113.9, 203.0.113.10" };
      const wrong = { headers: { ...other, authorization: basic("a guess") } };
      expect((await callAdmin(api, "/api/admin/alerts", wrong)).status).toBe(401);
      for (const headers of [other, { "x-forwarded-for": "203.0.113.9" }]) {
        expect((await callAdmin(api, "/api/admin/alerts", { headers })).status).toBe(200);
      }
    });
  });

  test("makes no caller local: without a token, metrics answer this machine but not a proxy on it", async () => {
    await withApi({ METRICS_TOKEN: "", TRUST_PROXY: "true" }, async ({ apiUrl }) => {
      expect((await fetch(`${apiUrl}/metrics`)).status).toBe(200);
      for (const address of ["127.0.0.1", "::1", "203.0.113.9"]) {
        const headers = { "x-forwarded-for": address };
        expect((await fetch(`${apiUrl}/metrics`, { headers })).status).toBe(404);
      }
    });
  });
});

describe("headers", () => {
  test.each([
    ["an admin's list", "/api/admin/users", {}, 200],
    ["an unknown user", "/api/admin/users/user_unknown", {}, 404],
    ["a wrong password", "/api/admin/users", { authorization: basic("a guess") }, 401],
    ["the board's queues", "/admin/queues/api/queues", {}, 200],
  ])("the answer for %s is kept by no cache and framed by no page", async (_case, path, headers, status) => {
    const answer = await callAdmin(system, path, { headers });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
  });

  test("no answer names the server software or sets a cookie", async () => {
    for (const path of ["/healthz", "/api/ensure", "/api/webhooks/clerk", "/api/admin/users", "/nothing"]) {
      const { headers } = await fetch(`${system.apiUrl}${path}`, { method: "POST" });
      expect(["server", "x-powered-by", "set-cookie"].filter((name) => headers.has(name))).toEqual([]);
    }
  });

  test("a page of another origin cannot read an answer of ensure, and its preflight for an admin route is refused", async () => {
    const headers = { origin: "https://evil.example", "access-control-request-method": "POST" };
    for (const path of ["/api/ensure", "/api/admin/users", "/api/webhooks/clerk"]) {
      const answer = await fetch(`${system.apiUrl}${path}`, { method: "OPTIONS", headers });
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    }
    const own = { origin, "access-control-request-method": "POST" };
    const answer = await fetch(`${system.apiUrl}/api/ensure`, { method: "OPTIONS", headers: own });
    expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
    expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
  });
});

describe("random requests", () => {
  const fuzzMs = 12_000;
  const longestMs = 100_000;
  const seed = Number(process.env["ROLLCALL_FUZZ_SEED"] ?? Date.now() % 2 ** 31);
  const publicPaths = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/nothing",
    "/:any",
    "/admin",
    "/admin/:any",
    "/admin/assets/:any",
    "/admin/queues",
    "/api/admin/:any",
  ];

  async function listPublic(): Promise<WildRoute[]> {
    const { id } = await system.clerk.users.create({}, { silent: true });
    const token = await system.clerk.sessions.mintToken({ userId: id, azp: origin });
    const post = (path: string, headers = {}) => ({ method: "POST", path, headers });
    return [
      ...publicPaths.map((path) => ({ method: "GET", path, headers: {} })),
      post("/api/ensure"),
      post("/api/ensure", { authorization: `Bearer ${token}` }),
      post("/api/ensure", { authorization: `Bearer ${token.slice(0, -2)}` }),
      post("/api/webhooks/clerk"),
      post("/admin/login"),
      post("/admin/logout"),
    ];
  }

  async function listAdmin(): Promise<WildRoute[]> {
    const { body } = await callAdmin(system, "/api/admin/openapi.json");
    const { paths } = body as { paths: Record<string, Record<string, unknown>> };
    // The answer of a stream has no end.
    const ending = Object.entries(paths).filter(([path]) => !path.endsWith("/live"));
    const documented = ending.flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => [method, path.replaceAll(/\{(\w+)\}/g, ":$1")] as const),
    );
    const board = ["", "/api/queues", "/api/queues/:name", "/api/queues/:name/:id", "/queue/:name"];
    const all = [...documented, ...board.map((path) => ["get", `/admin/queues${path}`] as const)];
    return all.map(([method, path]) => ({
      method: method.toUpperCase(),
      path,
      headers: { authorization: basic(adminPassword) },
    }));
  }

  /** Texts that no answer may hold. Public answers may also hold no personal data. */
  const internals = [
    adminPassword,
    "node_modules",
    repository,
    "    at ",
    "select ",
    "postgres://",
    "redis://",
  ];

  /** Sends requests for a while, and on a slow machine until each of these statuses has been an answer. */
  async function fuzz(
    routes: readonly WildRoute[],
    forbidden: readonly string[],
    expected: readonly number[],
  ): Promise<void> {
    const statuses = new Set<number>();
    let sent = 0;
    const property = fc.asyncProperty(wildRequest(routes), async ({ headers, ...request }) => {
      const address = `10.${sent >> 16}.${(sent >> 8) & 255}.${sent++ & 255}`;
      const forwarded = [headers["x-forwarded-for"] ?? [], address].flat().join(", ");
      const own = { ...headers, "x-forwarded-for": forwarded };
      const { status, text } = await sendRaw(system.apiUrl, { ...request, headers: own });
      expect(forbidden.filter((part) => text.includes(part))).toEqual([]);
      expect(text).not.toMatch(secrets);
      expect(status === undefined || status < 500 || status === 503).toBe(true);
      statuses.add(status ?? 0);
    });
    const missing = () => expected.filter((status) => !statuses.has(status));
    const startedAt = Date.now();
    for (let round = 0; ; round++) {
      await fc.assert(property, { seed: seed + round, numRuns: 100 });
      const tookMs = Date.now() - startedAt;
      if (tookMs > longestMs || (tookMs > fuzzMs && missing().length === 0)) break;
    }
    expect(missing()).toEqual([]);
  }

  test(`no public route answers 500, reveals internals or reveals personal data (seed ${seed})`, async () => {
    const forbidden = [...internals, person.email, person.firstName];
    await fuzz(await listPublic(), forbidden, [200, 400, 401, 404, 415]);
  });

  test(`no admin route answers 500 or reveals internals to a caller with the password (seed ${seed})`, async () => {
    await fuzz(await listAdmin(), internals, [200, 202, 400, 404]);
  });

  test("signed deliveries of any content are accepted, ignored or quarantined", async () => {
    const body = fc.oneof(
      fc.json(),
      fc.string({ unit: "grapheme" }),
      fc.json().map((data) => `{"type":"user.updated","data":${data}}`),
    );
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        expect((await postWebhook(system, text)).status).toBe(200);
      }),
      { seed, numRuns: 300 },
    );
  });

  test("after all of that no request has failed inside the api, the api still works, and no secret is in the log", async () => {
    const { id } = await system.clerk.users.create();
    await untilProfile(system, id);
    expect((await ensure(system, id)).status).toBe(200);
    expect(system.api.output().match(/.*"event":"request_failed".*/g) ?? []).toEqual([]);
    await waitFor(
      "the alert and the notification to fail",
      async () =>
        /alert_not_sent/.test(system.api.output() + system.worker.output()) &&
        /could not be notified of a new mentorado/.test(system.worker.output())
          ? true
          : undefined,
      120_000,
    );
    expectNoSecret(system.api, system.worker);
  });
});

function expectNoSecret(...processes: RunningProcess[]): void {
  for (const { output } of processes) {
    const leaked = output()
      .split("\n")
      .filter((line) => secrets.test(line) || line.includes(adminPassword));
    expect(leaked).toEqual([]);
  }
}

test("no secret is printed while every server refuses it", async () => {
  const databaseUrl = new URL(system.postgres.url);
  databaseUrl.password = word("postgres");
  const wrong: Record<string, string> = {
    ...system.environment,
    DATABASE_URL: databaseUrl.href,
    ...(system.redis ? { REDIS_URL: `redis://someone:${word("redis")}@127.0.0.1:${system.redis.port}` } : {}),
    CLERK_SECRET_KEY: `sk_test_${word("clerk")}`,
    CLERK_WEBHOOK_SIGNING_SECRET: `${webhookKey("webhook-secret")},${webhookSecret}`,
    ADMIN_PASSWORD: word("admin"),
    ADMIN_OPERATORS: operatorEntry,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:1/${word("collector")}`,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${word("collector-key")}`,
    ...Object.fromEntries(
      ["TRACES", "METRICS", "LOGS"].map((signal) => [
        `OTEL_EXPORTER_OTLP_${signal}_HEADERS`,
        `x-key=${word(`collector-${signal.toLowerCase()}`)}`,
      ]),
    ),
    WORKER_PORT: String(await findFreePort()),
  };
  // A secret that is added later must be tried here too.
  const planted = Object.keys(wrong).filter((name) => secrets.test(wrong[name] ?? ""));
  const expected = secretVariables.filter((name) => system.redis || name !== "REDIS_URL");
  expect(planted.sort()).toEqual([...expected].sort());
  const worker = runProcess("apps/worker/dist/main.js", wrong);
  await withApi(wrong, async (api) => {
    await waitFor("all connections to be refused", async () =>
      /postgres_lost/.test(api.api.output()) && /queue_lost/.test(worker.output()) ? true : undefined,
    );
    const { id } = await system.clerk.users.create({}, { silent: true });
    expect((await ensure(api, id)).status).toBe(503);
    expect((await postWebhook(api, '{"type":"user.updated","data":{"id":"user_1"}}')).status).toBe(503);
    const headers = { authorization: basic(word("admin")) };
    for (const path of [
      "/api/admin/status",
      `/api/admin/users/${id}`,
      "/api/admin/dead-letters",
      "/admin/queues",
    ]) {
      const answer = await callAdmin(api, path, { headers });
      expect(answer.status).not.toBe(500);
      expect(JSON.stringify(answer.body)).not.toMatch(secrets);
    }
    expectNoSecret(api.api, worker);
  });
  await worker.stop("SIGKILL");
  for (const args of [["status"], ["doctor"], ["users"], ["dead-letters"], ["reconcile"]]) {
    const command = runProcess("apps/cli/dist/main.js", wrong, args);
    await command.exited;
    expect(command.output()).not.toBe("");
    expectNoSecret(command);
  }
});

describe("secrets that are malformed, or stand in another variable than their own", () => {
  const programs: [string, string[]][] = [
    ["apps/api/dist/main.js", []],
    ["apps/worker/dist/main.js", []],
    ["apps/cli/dist/migrate/main.js", []],
    ["apps/cli/dist/main.js", ["doctor"]],
    ["apps/cli/dist/main.js", ["status"]],
  ];

  test.each([
    `${word("blank")} and more`,
    `https://user:${word("user")}@127.0.0.1:1/${word("path")}`,
    `postgres://user:${word("hash")}#@127.0.0.1:2/db`,
    `redis://:${word("percent")}%@127.0.0.1:2`,
    `sk_live_${word("key")}`,
    `${webhookKey("short")}!`,
  ])("are refused and not printed: %s in every secret variable", async (form) => {
    const all = Object.fromEntries(secretVariables.map((name) => [name, form]));
    const running = programs.map(([entry, args]) =>
      runProcess(entry, { ...system.environment, ...all }, args),
    );
    await Promise.all(running.map(({ exited }) => exited));
    expectNoSecret(...running);
    for (const { output } of running.slice(0, 2)) expect(output()).toMatch(/^ {2}[A-Z_]+ must /m);
  });
});
