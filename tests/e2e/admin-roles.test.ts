import { adminRole, adminRoles, mayAct } from "@rollcall/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import {
  basicOf,
  callAsPage,
  logIn,
  makeOperator,
  type PageSession,
  type TestOperator,
} from "../harness/operators.ts";
import { sendRaw } from "../harness/raw-http.ts";
import { type System, startSystem } from "../harness/system.ts";

type Route = { method: string; path: string; role: z.infer<typeof adminRole> };

const documentShape = z.object({
  paths: z.record(z.string(), z.record(z.string(), z.looseObject({ "x-role": adminRole }))),
});

let system: System;
let routes: Route[];
const operators = new Map<string, TestOperator>();
const sessions = new Map<string, PageSession>();

beforeAll(async () => {
  for (const role of adminRoles) operators.set(role, await makeOperator(`the-${role}`, role));
  const entries = [...operators.values()].map(({ entry }) => entry);
  system = await startSystem({
    backend: "postgres",
    // Without ADMIN_PASSWORD: the operators alone open the surface.
    environment: { ADMIN_OPERATORS: entries.join(","), ADMIN_PASSWORD: "", BOARD_READ_ONLY: "false" },
  });
  for (const [role, operator] of operators) sessions.set(role, await logIn(system, operator));
  const answer = await callAsPage(system, sessionOf("viewer"), "/api/admin/openapi.json");
  const { paths } = documentShape.parse(await answer.json());
  routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({
      method: method.toUpperCase(),
      // A user and a number that nothing has.
      path: path.replaceAll("{clerkId}", "user_none").replaceAll(/\{\w+\}/g, "999999"),
      role: described["x-role"],
    })),
  );
});
afterAll(() => system?.stop());

function sessionOf(role: string): PageSession {
  const session = sessions.get(role);
  if (!session) throw new Error(`No session of ${role}`);
  return session;
}

function credentialsOf(role: string): [how: string, headers: Record<string, string>][] {
  const { cookie, csrf } = sessionOf(role);
  const operator = operators.get(role);
  if (!operator) throw new Error(`No operator of ${role}`);
  return [
    ["a session", { cookie, "x-csrf-token": csrf }],
    ["Basic", basicOf(operator)],
  ];
}

/** Announces a body and never sends it: only a refusal before the body is read can answer. */
const withoutBody = { "content-type": "application/json", "content-length": "1000" };

test("each role is refused each route of a higher one, before the body is read", async () => {
  const answers: string[] = [];
  for (const { method, path, role } of routes) {
    for (const given of adminRoles.filter((one) => !mayAct(one, role))) {
      for (const [how, headers] of credentialsOf(given)) {
        const request = { method, path, headers: { ...withoutBody, ...headers }, body: undefined };
        const { status, text } = await sendRaw(system.apiUrl, request);
        const code = /"code":"([\w.]+)"/.exec(text)?.[1];
        answers.push(`${given} with ${how}: ${method} ${path} ${status} ${code}`);
      }
    }
  }
  // Viewers and operators, with a session and by Basic, and at least the writes of the design.
  expect(answers.length).toBeGreaterThan(20);
  expect(answers.filter((answer) => !answer.endsWith(" 403 admin.forbidden"))).toEqual([]);
});

test("each role passes the guard of each route of its own and of lower ones", async () => {
  const refused: string[] = [];
  for (const { method, path, role } of routes.filter((route) => !isOpenEnded(route.path))) {
    for (const given of adminRoles.filter((one) => mayAct(one, role))) {
      for (const [how, headers] of credentialsOf(given)) {
        // A body that matches no schema, so that nothing is done.
        const body = method === "GET" ? undefined : "[]";
        const sent = body === undefined ? headers : { ...headers, "content-type": "application/json" };
        const { status } = await sendRaw(system.apiUrl, { method, path, headers: sent, body });
        if (status === undefined || status === 401 || (status === 403 && !mayRefuse(path)))
          refused.push(`${given} with ${how}: ${method} ${path} ${status}`);
      }
    }
  }
  expect(refused).toEqual([]);
});

/** A stream has no end to wait for. Its own test reads it. */
const isOpenEnded = (path: string) => path.endsWith("/live");
/** Every operator may revoke a session of their own, and only an admin another one. */
const mayRefuse = (path: string) => path.endsWith("/revoke");

test("a viewer may call no route that writes, except to end a session of their own", () => {
  const writes = routes.filter(({ method, role }) => method !== "GET" && role === "viewer");
  expect(writes.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "POST /api/admin/sessions/999999/revoke",
  ]);
  expect(routes.filter(({ method, role }) => method === "GET" && role !== "viewer")).toEqual([]);
});

test.each(["POST /api/admin/users/user_none/purge", "POST /api/admin/runs/999999/confirm-deletions"])(
  "%s, which nothing undoes, needs an admin",
  (wanted) => {
    expect(routes.find(({ method, path }) => `${method} ${path}` === wanted)?.role).toBe("admin");
  },
);

test.each([
  ["all that match", { filter: { tier: "FREE" }, action: { tier: "PRO" } }],
  ["a preview", { filter: { tier: "FREE" }, action: { tier: "PRO" }, preview: true }],
  ["some", { clerkIds: ["user_none"], action: { tier: "PRO" } }],
])("a tier in bulk needs an admin: %s", async (_, body) => {
  for (const [role, status] of [
    ["viewer", 403],
    ["operator", 403],
  ] as const) {
    const answer = await callAsPage(system, sessionOf(role), "/api/admin/users/bulk", {
      method: "POST",
      body,
    });
    expect([role, answer.status]).toEqual([role, status]);
  }
  const { rows } = await system.db.query("select from rollcall.events where kind like '%bulk%'");
  expect(rows).toEqual([]);
});

describe("the board", () => {
  const pause = (role: string, headers: Record<string, string>) =>
    sendRaw(system.apiUrl, {
      ...{ method: "PUT", path: "/admin/queues/api/queues/reconcile/pause", body: undefined },
      headers,
    }).then(({ status, text }) => [role, status, /"code":"([\w.]+)"/.exec(text)?.[1]]);

  test("is read by every role, and only an admin writes there", async () => {
    for (const role of adminRoles) {
      for (const [, headers] of credentialsOf(role)) {
        const read = await sendRaw(system.apiUrl, {
          method: "GET",
          path: "/admin/queues",
          headers,
          body: undefined,
        });
        expect(read.status).toBe(200);
        expect(await pause(role, headers)).toEqual(
          role === "admin" ? [role, 200, undefined] : [role, 403, "admin.forbidden"],
        );
      }
    }
  });

  test("gives its page the CSRF token, without which a write by cookie is refused there too", async () => {
    const { cookie, csrf } = sessionOf("admin");
    const page = await callAsPage(system, sessionOf("admin"), "/admin/queues", {
      headers: { accept: "text/html" },
    });
    expect(page.headers.getSetCookie()).toEqual([`XSRF-TOKEN=${csrf}; Path=/admin/queues; SameSite=Strict`]);
    expect(await pause("admin", { cookie })).toEqual(["admin", 403, "admin.csrf"]);
    // As axios in the board's page sends it.
    expect(await pause("admin", { cookie, "x-xsrf-token": csrf })).toEqual(["admin", 200, undefined]);
  });
});
