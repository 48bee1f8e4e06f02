import net from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnOneBackend } from "../harness/backends.ts";
import { origin, type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});

describeOnOneBackend((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend });
  });
  afterAll(() => system?.stop());

  test.each([
    "/admin/queues",
    "/admin/queues/api/queues",
    "/admin/nothing",
    "/api/admin/conflicts",
    "/api/admin/nothing",
  ])("%s answers 401 without a password, whether the path exists or not", async (path) => {
    const answer = await fetch(`${system.apiUrl}${path}`);
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toContain("Basic");
  });

  test("the right password with a wrong name is refused, and so is the right name with a wrong password", async () => {
    for (const headers of [
      basic("admin", "wrong"),
      basic("root", "correct horse battery staple"),
      basic("", ""),
    ]) {
      expect((await callAdmin(system, "/api/admin/conflicts", { headers })).status).toBe(401);
    }
  });

  test("the board shows all queues, and no page may frame it or bring scripts and fonts from elsewhere", async () => {
    const page = await callAdmin(system, "/admin/queues");
    expect(page.status).toBe(200);
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    const queues = await waitFor("all queues on the board", async () => {
      const { body } = await callAdmin(system, "/admin/queues/api/queues");
      const names = (body as { queues: { name: string }[] }).queues.map((queue) => queue.name).sort();
      return names.length === 4 ? names : undefined;
    });
    expect(queues).toEqual(["dead-letter", "ensure", "reconcile", "sync"]);
  });

  test("the board is read-only by default", async () => {
    const answer = await callAdmin(system, "/admin/queues/api/queues/sync/pause", { method: "PUT" });
    expect(answer.status).toBeGreaterThanOrEqual(400);
  });

  test.each([
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { origin: "https://evil.example" },
  ])("a write that comes from another site is refused: %j", async (headers) => {
    const answer = await callAdmin(system, "/api/admin/conflicts/1/resolve", {
      method: "POST",
      body: { dismiss: true },
      headers,
    });
    expect(answer).toMatchObject({ status: 403, body: { error: { code: "admin.cross_site" } } });
  });

  test.each(["/api/admin/conflicts", "/api/admin/nothing", "/admin/queues"])(
    "a preflight for %s needs the password too",
    async (path) => {
      const preflight = { origin, "access-control-request-method": "POST" };
      const answer = await fetch(`${system.apiUrl}${path}`, { method: "OPTIONS", headers: preflight });
      expect(answer.status).toBe(401);
      expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    },
  );

  test("more than 20 wrong passwords a minute from an address, under both prefixes together: 429, also for the right one", async () => {
    // The tests above have sent a few already. Their number does not matter.
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 21; attempt++) {
      const path = attempt % 2 === 0 ? "/api/admin/conflicts" : "/admin/queues";
      statuses.push((await callAdmin(system, path, { headers: basic("admin", "guess") })).status);
    }
    expect(statuses).toContain(401);
    expect(statuses.at(-1)).toBe(429);
    for (const path of ["/api/admin/conflicts", "/admin/queues"]) {
      const right = await callAdmin(system, path);
      expect(right.status).toBe(429);
      expect(Number(right.headers.get("retry-after"))).toBeGreaterThan(0);
    }
  });
});

test("of many pipelined guesses no more are checked than of guesses one by one", async () => {
  const system = await startSystem({ backend: "postgres" });
  const password = "correct horse battery staple";
  const guesses = [...Array.from({ length: 100 }, (_, turn) => `guess ${turn}`), password];
  const requests = guesses.map(
    // The right password goes to another path, because the limit does not depend on the path.
    (guess) =>
      `GET ${guess === password ? "/api/admin/conflicts" : "/admin/queues"} HTTP/1.1\r\nhost: x\r\nauthorization: ${basic("admin", guess).authorization}\r\n\r\n`,
  );
  const socket = net.connect(Number(new URL(system.apiUrl).port), "127.0.0.1");
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  socket.write(requests.join(""));
  const statuses = await waitFor("all answers", async () => {
    const lines = text.match(/HTTP\/1\.1 \d{3}/g) ?? [];
    return lines.length === guesses.length ? lines.map((line) => line.slice(-3)) : undefined;
  });
  socket.destroy();
  await system.stop();
  expect(statuses.filter((status) => status === "401")).toHaveLength(20);
  expect(statuses.at(-1)).toBe("429");
});

describe("without ADMIN_PASSWORD", () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend: "postgres", environment: { ADMIN_PASSWORD: "" } });
  });
  afterAll(() => system?.stop());

  test.each(["/admin/queues", "/admin", "/api/admin/conflicts", "/api/admin/users/user_1"])(
    "%s does not exist",
    async (path) => {
      expect((await callAdmin(system, path)).status).toBe(404);
    },
  );
});
