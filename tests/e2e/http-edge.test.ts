import net from "node:net";
import { errorBody } from "@rollcall/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { runProcess } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

const token = "a-token-that-only-tests-know";

let system: System;
beforeAll(async () => {
  system = await startSystem({ backend: "postgres", environment: { METRICS_TOKEN: token } });
});
afterAll(() => system?.stop());

const processes = ["api", "worker"] as const;
type Name = (typeof processes)[number];

const urlOf = (name: Name) => (name === "api" ? system.apiUrl : system.workerUrl);

async function readMetrics(name: Name, authorization = `Bearer ${token}`) {
  const answer = await fetch(`${urlOf(name)}/metrics`, { headers: { authorization } });
  return { status: answer.status, text: await answer.text() };
}

/** Sends bytes, and reads until the server ends the connection. */
async function exchange(name: Name, bytes: string): Promise<string> {
  const { hostname, port } = new URL(urlOf(name));
  const socket = net.connect(Number(port), hostname);
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  socket.on("error", () => undefined);
  socket.write(bytes);
  await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

test.each(processes)("%s: METRICS_TOKEN opens the metrics, and nothing else does", async (name) => {
  expect((await readMetrics(name)).status).toBe(200);
  const refused = await readMetrics(name, "Bearer another");
  expect(refused.status).toBe(404);
  expect(errorBody.parse(JSON.parse(refused.text)).error.code).toBe("request.not_found");
});

test.each(processes)("%s: what is refused before a route has the error body and is counted", async (name) => {
  await Promise.all(
    (
      [
        [408, "request.timeout", "GET /healthz HTTP/1.1\r\nhost: x\r\n"],
        [
          431,
          "request.headers_too_large",
          `GET /healthz HTTP/1.1\r\nhost: x\r\nx: ${"a".repeat(20_000)}\r\n\r\n`,
        ],
        [400, "request.malformed", "hello\r\n\r\n"],
      ] as const
    ).map(async ([status, code, bytes]) => {
      const [head = "", body = ""] = (await exchange(name, bytes)).split("\r\n\r\n");
      expect(head).toContain(`HTTP/1.1 ${status} `);
      expect(errorBody.parse(JSON.parse(body)).error.code).toBe(code);
      const series = `rollcall_http_requests_total{route="unknown",status="${status}",code="${code}"}`;
      expect((await readMetrics(name)).text).toContain(series);
    }),
  );
});

test("a worker takes 200 connections, closes further ones, and then takes new ones again", async () => {
  const { hostname, port } = new URL(system.workerUrl);
  let closed = 0;
  const sockets = Array.from({ length: 230 }, () =>
    net
      .connect(Number(port), hostname)
      .on("error", () => undefined)
      .once("close", () => closed++),
  );
  await waitFor("the connections beyond 200 to be closed", async () => (closed >= 30 ? true : undefined));
  // Other connections of this file count too.
  expect(230 - closed).toBeGreaterThan(150);
  for (const socket of sockets) socket.destroy();
  await waitFor("a new connection", async () =>
    (await fetch(`${system.workerUrl}/healthz`).catch(() => undefined))?.ok ? true : undefined,
  );
});

test("an id in the path may be as long as a Clerk id; what is longer is answered as malformed, or as too long", async () => {
  const ask = async (id: string) => {
    const { status, body } = await callAdmin(system, `/api/admin/users/${id}`);
    return { status, code: errorBody.parse(body).error.code };
  };
  expect(await ask(`user_${"a".repeat(96)}`)).toEqual({ status: 404, code: "user.unknown" });
  expect(await ask(`user_${"a".repeat(128)}`)).toEqual({ status: 404, code: "user.unknown" });
  expect(await ask(`user_${"a".repeat(129)}`)).toEqual({ status: 400, code: "request.malformed" });
  expect(await ask(`user_${"a".repeat(600)}`)).toEqual({ status: 414, code: "request.uri_too_long" });
});

test("X-Forwarded-For without TRUST_PROXY is logged once, and status and doctor report it", async () => {
  const problem = /X-Forwarded-For reaches an api whose TRUST_PROXY is unset/;
  const readProblems = async () => JSON.stringify((await callAdmin(system, "/api/admin/status")).body);
  expect(await readProblems()).not.toMatch(problem);
  for (let call = 0; call < 3; call++) {
    await fetch(`${system.apiUrl}/healthz`, { headers: { "x-forwarded-for": "203.0.113.8" } });
  }
  await waitFor(
    "status to report it",
    async () => (problem.test(await readProblems()) ? true : undefined),
    90_000,
  );
  expect(system.api.output().match(/"event":"forwarded_header_ignored"/g)).toHaveLength(1);
  expect(system.api.output()).not.toContain("203.0.113.8");
  for (const args of [["status"], ["doctor"]]) {
    const command = runProcess("apps/cli/dist/main.js", system.environment, args);
    await command.exited;
    expect(command.output()).toMatch(problem);
  }
});
