import { createServer } from "node:net";
import { findFreePort } from "@rollcall/local-services";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  admin,
  basicOf,
  callAsPage,
  logIn,
  makeOperator,
  type PageSession,
  postLogin,
  readCode,
  type TestOperator,
} from "../harness/operators.ts";
import { type RunningProcess, runProcess, untilOutput } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

let ana: TestOperator;
beforeAll(async () => {
  ana = await makeOperator("ana", "operator");
});

const statusOf = async (at: Pick<System, "apiUrl">, session: PageSession, path = "/api/admin/session") =>
  (await callAsPage(at, session, path)).status;

describe("when accounts change", () => {
  let system: System;
  let page: PageSession;
  let ofAdmin: PageSession;
  let next: RunningProcess | undefined;
  beforeAll(async () => {
    system = await startSystem({ backend: "postgres", environment: { ADMIN_OPERATORS: ana.entry } });
  });
  afterAll(() => system?.stop());
  beforeEach(async () => {
    [page, ofAdmin] = [await logIn(system, ana), await logIn(system, admin)];
  });
  afterEach(() => next?.stop());

  /** Starts another api beside the first one, with `changes` to its environment. An empty value unsets a variable. */
  async function startNextApi(changes: Record<string, string>): Promise<Pick<System, "apiUrl">> {
    const port = String(await findFreePort());
    const environment = Object.entries({ ...system.environment, PORT: port, ...changes });
    next = runProcess(
      "apps/api/dist/main.js",
      Object.fromEntries(environment.filter(([, value]) => value !== "")),
    );
    const apiUrl = `http://127.0.0.1:${port}`;
    await waitFor("the next api", async () => {
      const answer = await fetch(`${apiUrl}/healthz`).catch(() => undefined);
      return answer?.ok ? true : undefined;
    });
    return { apiUrl };
  }

  test("a session opens every api process with the same accounts", async () => {
    const same = await startNextApi({});
    expect(await statusOf(same, page)).toBe(200);
    expect(await statusOf(same, ofAdmin)).toBe(200);
    expect((await callAsPage(same, page, "/admin/logout", { method: "POST" })).status).toBe(204);
    expect(await statusOf(system, page)).toBe(401);
  });

  test("a session ends with its operator, and does not come back with it", async () => {
    const bia = await makeOperator("bia", "viewer");
    const without = await startNextApi({ ADMIN_OPERATORS: bia.entry });
    expect(await statusOf(without, page)).toBe(401);
    expect(await statusOf(without, ofAdmin)).toBe(200);
    await waitFor("the session to be over where the operator still is", async () =>
      (await statusOf(system, page)) === 401 ? true : undefined,
    );
    await waitFor("a line about it", async () =>
      next?.output().includes("operator_sessions_ended") ? true : undefined,
    );
  });

  test("a session ends when its operator has another role", async () => {
    const other = await startNextApi({ ADMIN_OPERATORS: ana.entry.replace(":operator:", ":viewer:") });
    expect(await statusOf(other, page)).toBe(401);
    expect(await (await postLogin(other, ana)).json()).toMatchObject({ role: "viewer" });
  });

  test("a session ends when its operator has another password", async () => {
    const { entry } = await makeOperator("ana", "operator");
    expect(await statusOf(await startNextApi({ ADMIN_OPERATORS: entry }), page)).toBe(401);
  });

  test.each([
    ["another password", { ADMIN_PASSWORD: "another password of admin" }],
    ["another name", { ADMIN_USERNAME: "root" }],
    ["no password any more", { ADMIN_PASSWORD: "" }],
  ])("a session of ADMIN_PASSWORD ends when it has %s, and those of operators stay", async (_, changes) => {
    const other = await startNextApi(changes);
    expect(await statusOf(other, ofAdmin)).toBe(401);
    expect(await statusOf(other, page)).toBe(200);
  });

  test("without any account nothing of the surface exists, and no session ends", async () => {
    const other = await startNextApi({ ADMIN_OPERATORS: "", ADMIN_PASSWORD: "" });
    for (const path of ["/admin", "/admin/queues", "/admin/assets/x.js", "/api/admin/session"])
      expect([path, await statusOf(other, page, path)]).toEqual([path, 404]);
    expect((await postLogin(other, ana)).status).toBe(404);
    expect(await statusOf(system, page)).toBe(200);
  });
});

describe("while Postgres is down", () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend: "postgres", environment: { ADMIN_OPERATORS: ana.entry } });
  });
  afterAll(() => system?.stop());

  test("a page gets 503 and keeps its session, and a password opens what needs no Postgres", async () => {
    const page = await logIn(system, ana);
    await system.postgres.stop("immediate");
    for (const path of ["/api/admin/session", "/admin/queues"]) {
      const answer = await callAsPage(system, page, path);
      expect([path, answer.status, await readCode(answer)]).toEqual([path, 503, "postgres.unavailable"]);
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
    const out = await callAsPage(system, page, "/admin/logout", { method: "POST" });
    expect([out.status, out.headers.getSetCookie()]).toEqual([503, []]);
    const login = await postLogin(system, ana);
    expect([login.status, login.headers.getSetCookie()]).toEqual([503, []]);
    expect(await statusOf(system, page, "/admin/users")).toBe(200);
    for (const account of [admin, ana]) {
      const byPassword = await callAsPage(system, { ...page, cookie: "" }, "/api/admin/openapi.json", {
        headers: basicOf(account),
      });
      expect(byPassword.status).toBe(200);
      // Also beside a cookie that cannot be checked now.
      expect(
        await callAsPage(system, page, "/api/admin/openapi.json", { headers: basicOf(account) }),
      ).toMatchObject({
        status: 200,
      });
    }
    await system.restartPostgres();
    await waitFor("the session to be known again", async () =>
      (await statusOf(system, page)) === 200 ? true : undefined,
    );
  });
});

describe("with ADMIN_PORT", () => {
  let system: System;
  let surface: Pick<System, "apiUrl">;
  beforeAll(async () => {
    const port = await findFreePort();
    surface = { apiUrl: `http://127.0.0.1:${port}` };
    system = await startSystem({
      backend: "postgres",
      environment: { ADMIN_PORT: String(port), ADMIN_OPERATORS: ana.entry },
    });
  });
  afterAll(() => system?.stop());

  test("the surface is there alone, and PORT answers 404 for it", async () => {
    const page = await logIn(surface, ana);
    for (const path of ["/admin", "/admin/queues", "/api/admin/session", "/api/admin/openapi.json"]) {
      expect([path, await statusOf(surface, page, path)]).toEqual([path, 200]);
      expect([path, await statusOf(system, page, path)]).toEqual([path, 404]);
    }
    expect((await postLogin(system, ana)).status).toBe(404);
    for (const path of ["/healthz", "/readyz", "/metrics"])
      expect([path, await statusOf(surface, page, path)]).toEqual([path, 404]);
    expect((await fetch(`${surface.apiUrl}/api/ensure`, { method: "POST" })).status).toBe(404);
    expect((await fetch(`${system.apiUrl}/readyz`)).status).toBe(200);
  });

  test("its server has the same limits and the same form of errors", async () => {
    const answer = await fetch(`${surface.apiUrl}/admin/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "x".repeat(100_000),
    });
    expect([answer.status, await readCode(answer)]).toEqual([413, "request.too_large"]);
    const metrics = await (await fetch(`${system.apiUrl}/metrics`)).text();
    expect(metrics).toMatch(
      /rollcall_http_requests_total\{route="\/admin\/login",status="413",code="request.too_large"\} 1/,
    );
  });

  test("the log names both addresses, and both ports are free after a stop", async () => {
    await untilOutput(system.api, `"url":"${system.apiUrl}","adminUrl":"${surface.apiUrl}"`);
    expect(await system.api.stop()).toBe(0);
    for (const { apiUrl } of [system, surface]) await expect(fetch(`${apiUrl}/admin`)).rejects.toThrow();
    system.api = system.startApi();
    await system.untilReady();
    expect((await postLogin(surface, ana)).status).toBe(200);
  });

  test("a port in use ends the start and names its variable", async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    const address = holder.address();
    const taken = typeof address === "object" && address !== null ? address.port : 0;
    const second = runProcess("apps/api/dist/main.js", {
      ...system.environment,
      PORT: String(await findFreePort()),
      ADMIN_PORT: String(taken),
    });
    expect(await second.exited).toBe(1);
    expect(second.output()).toContain("set ADMIN_PORT to another one");
    holder.close();
  });
});
