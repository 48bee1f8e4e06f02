import { once } from "node:events";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError, type ErrorCode, errorBody } from "@rollcall/contracts";
import { createLogger, createMetrics } from "@rollcall/observability";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHttpServer, type HttpServerOptions } from "./http-server.ts";
import { registerMetricsRoute } from "./metrics-route.ts";
import { createRefusalLimit } from "./refusal-limit.ts";

const log = createLogger({ level: "silent", process: "test" });

async function start(options: Partial<HttpServerOptions> & { metricsToken?: string } = {}) {
  const metrics = createMetrics("api");
  const context = {
    log,
    metrics,
    config: { MESSAGES_LOCALE: "en" as const },

    refusalLimit: createRefusalLimit(),
  };
  const app = await createHttpServer(context, {
    mostConnections: 100,
    isNeverLimited: (route) => route === "/healthz",
    ...options,
  });
  app.get("/healthz", async () => ({ status: "ok" }));
  app.get("/users/:id", async () => ({ found: true }));
  app.post("/body", async (request) => ({ got: request.body }));
  app.get("/refused", async () => {
    throw new AppError("unauthenticated", "No token");
  });
  registerMetricsRoute(app, { metrics }, options.metricsToken);
  await app.listen({ host: "127.0.0.1", port: 0 });
  const readCount = async (labels: { route: string; status: number; code: ErrorCode | "" }) => {
    const { text } = await metrics.scrape();
    const { route, status, code } = labels;
    const series = `rollcall_http_requests_total{route="${route}",status="${status}",code="${code}"} `;
    return Number(
      text
        .split("\n")
        .find((line) => line.startsWith(series))
        ?.slice(series.length) ?? 0,
    );
  };
  return { app, port: portOf(app), readCount };
}

function portOf(app: FastifyInstance): number {
  const address = app.server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port");
  return address.port;
}

/** Sends bytes, and reads until the server ends the connection. */
async function exchange(port: number, bytes: string): Promise<{ text: string; ms: number }> {
  const beganAtMs = performance.now();
  const socket = net.connect(port, "127.0.0.1");
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  socket.on("error", () => undefined);
  socket.write(bytes);
  // `once` of node:events would reject, because a refused connection is reset.
  await new Promise((resolve) => socket.once("close", resolve));
  return { text, ms: performance.now() - beganAtMs };
}

test("headers and body have 10 s to arrive", async () => {
  const { app } = await start();
  expect([app.server.headersTimeout, app.server.requestTimeout]).toEqual([10_000, 10_000]);
  await app.close();
});

describe("an answer that is made before a route has the error body, is safe, and is counted", () => {
  let server: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server?.app.close());

  const post = "POST /body HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
  test.concurrent.each<[string, string, number, ErrorCode, string]>([
    ["no byte at all", "", 408, "request.timeout", "unknown"],
    ["headers that do not end", "GET /healthz HTTP/1.1\r\nhost: x\r\n", 408, "request.timeout", "unknown"],
    [
      "a body that does not end",
      `${post}content-type: application/json\r\ncontent-length: 9\r\n\r\n{"a"`,
      408,
      "request.timeout",
      "unknown",
    ],
    ["no HTTP", "hello\r\n\r\n", 400, "request.malformed", "unknown"],
    ["no Host", "GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n", 400, "request.malformed", "/healthz"],
    [
      "a chunk without a size",
      `${post}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
      400,
      "request.malformed",
      "unknown",
    ],
    [
      "headers of 20 KB",
      `GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ${"a".repeat(20_000)}\r\n\r\n`,
      431,
      "request.headers_too_large",
      "unknown",
    ],
    [
      "a body over the limit",
      `${post}content-type: application/json\r\ncontent-length: 70000\r\n\r\n`,
      413,
      "request.too_large",
      "/body",
    ],
    [
      "a chunk extension of 20 KB",
      `${post}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n1;${"a".repeat(20_000)}\r\n`,
      413,
      "request.too_large",
      "unknown",
    ],
    [
      "a part of the path that is too long",
      `GET /users/${"a".repeat(600)} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
      414,
      "request.uri_too_long",
      "unknown",
    ],
    [
      "a path that is no URL",
      "GET /%E0%A4%A HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
      400,
      "request.malformed",
      "unknown",
    ],
  ])("%s", async (_what, bytes, status, code, route) => {
    const { text, ms } = await exchange(server.port, bytes);
    const [head = "", body = ""] = text.split("\r\n\r\n");
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(errorBody.parse(JSON.parse(body)).error.code).toBe(code);
    expect(head.toLowerCase()).toContain("cache-control: no-store");
    expect(head.toLowerCase()).toContain("x-content-type-options: nosniff");
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(await server.readCount({ route, status, code })).toBeGreaterThan(0);
    // Promised are 10 s. The rest is slack for a busy machine, far below Node's own 60 s and 5 min.
    expect(ms).toBeLessThan(25_000);
  });

  test("an expectation that the server does not know is ignored", async () => {
    const bytes = "GET /healthz HTTP/1.1\r\nhost: x\r\nexpect: wonders\r\nconnection: close\r\n\r\n";
    expect((await exchange(server.port, bytes)).text).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("each of them is counted once", async () => {
    const count = () => server.readCount({ route: "unknown", status: 408, code: "request.timeout" });
    const before = await count();
    const malformed = await server.readCount({ route: "/body", status: 400, code: "request.malformed" });
    await exchange(server.port, `${post}content-type: application/json\r\ncontent-length: 9\r\n\r\n{"a"`);
    await sleep(1_500);
    expect(await count()).toBe(before + 1);
    expect(await server.readCount({ route: "/body", status: 400, code: "request.malformed" })).toBe(
      malformed,
    );
  });

  test("malformed bytes behind a request never pass for its answer", async () => {
    const { text } = await exchange(server.port, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nhello\r\n\r\n");
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
    expect([[], ["200"], ["200", "400"]]).toContainEqual(statuses);
  });
});

test("a URL with a slash at its end is the same route, also in the counts", async () => {
  const { app, readCount } = await start();
  const answers = await Promise.all(["/users/7", "/users/7/", "/refused/"].map((url) => app.inject({ url })));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 401]);
  expect(await readCount({ route: "/users/:id", status: 200, code: "" })).toBe(2);
  expect(await readCount({ route: "/refused", status: 401, code: "unauthenticated" })).toBe(1);
  expect((await app.inject({ url: "/users/7//" })).statusCode).toBe(404);
  await app.close();
});

test("every answer is counted by route, status and code", async () => {
  const { app, readCount } = await start();
  for (const url of ["/healthz", "/users/1", "/users/2", "/refused", "/nothing"]) await app.inject(url);
  expect(await readCount({ route: "/healthz", status: 200, code: "" })).toBe(1);
  expect(await readCount({ route: "/users/:id", status: 200, code: "" })).toBe(2);
  expect(await readCount({ route: "/refused", status: 401, code: "unauthenticated" })).toBe(1);
  expect(await readCount({ route: "unknown", status: 404, code: "request.not_found" })).toBe(1);
  await app.close();
});

test("more than the most connections are closed, and the others still answer", async () => {
  const { app, port } = await start({ mostConnections: 3 });
  const held = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const socket = net.connect(port, "127.0.0.1");
      await once(socket, "connect");
      return socket;
    }),
  );
  expect((await exchange(port, "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).text).toBe(
    "",
  );
  held[0]?.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
  const [answer] = await once(held[0] as net.Socket, "data");
  expect(String(answer)).toContain("200 OK");
  for (const socket of held) socket.destroy();
  await app.close();
});

describe("an address with more than 3000 refused calls in a minute", () => {
  const call = (app: FastifyInstance, url: string, remoteAddress: string, headers = {}) =>
    app.inject({ url, remoteAddress, headers });

  test("gets 429 on every limited route, however the address is written, and no other address does", async () => {
    const { app } = await start();
    for (let turn = 0; turn < 3_001; turn++) {
      expect((await call(app, "/refused", `2001:db8::${(turn % 9_999) + 1}`)).statusCode).toBe(401);
    }
    for (const url of ["/refused", "/users/1", "/nothing"]) {
      const answer = await call(app, url, "2001:db8:0:0:8::1");
      expect(answer.statusCode).toBe(429);
      expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
    }
    expect((await call(app, "/healthz", "2001:db8::1")).statusCode).toBe(200);
    expect((await call(app, "/users/1", "2001:db8:0:1::1")).statusCode).toBe(200);
    await app.close();
  });

  test("good calls are never counted", async () => {
    const { app } = await start();
    for (let turn = 0; turn < 4_000; turn++) await call(app, "/users/1", "203.0.113.8");
    expect((await call(app, "/users/1", "203.0.113.8")).statusCode).toBe(200);
    await app.close();
  });

  test("behind a trusted proxy, ports and an IPv6 form of the proxy change nothing", async () => {
    const { app } = await start({ trustProxy: "10.0.0.0/8" });
    const from = (port: number) => ({ "x-forwarded-for": `203.0.113.8:${port}, [::ffff:10.0.0.7]:443` });
    for (let turn = 0; turn < 3_001; turn++) await call(app, "/refused", "10.0.0.1", from(turn + 1));
    expect((await call(app, "/users/1", "10.0.0.1", from(1))).statusCode).toBe(429);
    const other = { "x-forwarded-for": "203.0.113.9:1, [::ffff:10.0.0.7]:443" };
    expect((await call(app, "/users/1", "10.0.0.1", other)).statusCode).toBe(200);
    await app.close();
  });
});

test.each([
  ["pt-BR,pt;q=0.9", "Entre na sua conta para continuar."],
  [`${"x-a,".repeat(3_500)}pt`, "Please sign in to continue."],
])("an Accept-Language is read while it is short: %s", async (language, message) => {
  const { app } = await start();
  const answer = await app.inject({ url: "/refused", headers: { "accept-language": language } });
  expect(errorBody.parse(answer.json()).error.message).toBe(message);
  await app.close();
});

describe("/metrics", () => {
  test.each([
    [{}, "127.0.0.1", 200],
    [{ host: "localhost:3000" }, "::1", 200],
    [{ host: "[::1]:3000" }, "::ffff:127.0.0.1", 200],
    [{ host: "metrics.example.com" }, "127.0.0.1", 404],
    [{ host: "127.0.0.1.example.com" }, "127.0.0.1", 404],
    [{ host: "localhost" }, "10.0.0.1", 404],
    [{ "x-forwarded-for": "127.0.0.1" }, "127.0.0.1", 404],
    [{ "x-forwarded-proto": "https" }, "127.0.0.1", 404],
    [{ via: "1.1 proxy" }, "127.0.0.1", 404],
    [{ "x-real-ip": "127.0.0.1" }, "127.0.0.1", 404],
  ])("without a token, %j from %s: %i", async (headers, remoteAddress, status) => {
    const { app } = await start();
    const answer = await app.inject({
      url: "/metrics",
      headers: { host: "127.0.0.1", ...headers },
      remoteAddress,
    });
    expect(answer.statusCode).toBe(status);
    await app.close();
  });

  test("with a token, its holder reads them from anywhere, and no other caller does", async () => {
    const { app } = await start({ metricsToken: "right" });
    const read = async (authorization: string | undefined) =>
      (
        await app.inject({
          url: "/metrics",
          remoteAddress: "10.0.0.1",
          headers: { ...(authorization === undefined ? {} : { authorization }) },
        })
      ).statusCode;
    expect([await read("Bearer right"), await read("Bearer wrong"), await read(undefined)]).toEqual([
      200, 404, 404,
    ]);
    await app.close();
  });
});
