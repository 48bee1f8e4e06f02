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
    "/admin/queues/nothing",
    "/api/admin/conflicts",
    "/api/admin/nothing",
  ])("%s answers 401 without a password, whether the path exists or not", async (path) => {
    expect((await fetch(`${system.apiUrl}${path}`)).status).toBe(401);
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
