import { randomBytes } from "node:crypto";
import { type OperatorView, sessionAnswer } from "@rollcall/contracts";
import { request } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
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
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

let system: System;
let ana: TestOperator;
let bia: TestOperator;
/** A session that is open in each test. */
let page: PageSession;

beforeAll(async () => {
  [ana, bia] = [await makeOperator("ana", "viewer"), await makeOperator("bia", "operator")];
  system = await startSystem({
    backend: "postgres",
    environment: {
      ADMIN_OPERATORS: `${ana.entry},${bia.entry}`,
      TRUST_PROXY: "127.0.0.1",
      LOG_LEVEL: "trace",
    },
  });
});
afterAll(() => system?.stop());
beforeEach(async () => {
  await system.db.query("truncate rollcall.admin_sessions");
  page = await logIn(system, ana);
});

const call = (session: PageSession, path: string, options?: Parameters<typeof callAsPage>[3]) =>
  callAsPage(system, session, path, options);
const statusOf = async (session: PageSession, path = "/api/admin/session") =>
  (await call(session, path)).status;

async function listOperators(session: PageSession): Promise<OperatorView[]> {
  const { items } = (await (await call(session, "/api/admin/operators")).json()) as { items: OperatorView[] };
  return items;
}

async function findSessionId(session: PageSession): Promise<number> {
  const all = (await listOperators(session)).flatMap(({ sessions }) => sessions);
  const current = all.find((one) => one.current);
  if (!current) throw new Error("The list has no session of the caller");
  return current.id;
}

/** Jobs that an operator requested have the same cause, and name no operator. */
const listAdminEvents = async () =>
  (
    await system.db.query(
      "select ref, kind, details from rollcall.events where cause = 'admin' and ref is not null order by id",
    )
  ).rows;

describe("a login", () => {
  test("answers who logged in, and sets a cookie that no script reads and no other site sends", async () => {
    const response = await postLogin(system, bia);
    expect(response.status).toBe(200);
    const answer = sessionAnswer.parse(await response.json());
    expect(answer).toMatchObject({ name: "bia", role: "operator" });
    const [cookie, ...more] = response.headers.getSetCookie();
    expect(more).toEqual([]);
    expect(cookie).toMatch(
      /^rollcall_session=[\w-]{43}\.[\w-]{43}; Path=\/; Max-Age=86400; HttpOnly; SameSite=Strict$/,
    );
    const asked = await call(
      { cookie: cookie?.split(";")[0] ?? "", csrf: "", name: "" },
      "/api/admin/session",
    );
    expect(sessionAnswer.parse(await asked.json())).toEqual(answer);
  });

  test.each([
    ["a proxy with TLS", { "x-forwarded-proto": "https" }],
    [
      "a page whose address has TLS",
      { origin: "https://ops.example.com", host: "ops.example.com", "sec-fetch-site": "same-origin" },
    ],
  ])("behind %s, the cookie goes over TLS alone", async (_, headers) => {
    const response = await postLogin(system, bia, headers);
    const [cookie = ""] = response.headers.getSetCookie();
    expect(cookie).toMatch(
      /^__Host-rollcall_session=\S+; Path=\/; Max-Age=86400; HttpOnly; SameSite=Strict; Secure$/,
    );
    const session = { cookie: cookie.split(";")[0] ?? "", csrf: "", name: "" };
    expect(await statusOf(session)).toBe(200);
  });

  test("behind TLS, a cookie that was set without TLS opens nothing", async () => {
    const headers = { "x-forwarded-proto": "https" };
    expect((await call(page, "/api/admin/session", { headers })).status).toBe(401);
  });

  test("gives a new id each time and ends the session that the browser had", async () => {
    const second = await logIn(system, ana, { cookie: page.cookie });
    expect(second.cookie).not.toBe(page.cookie);
    expect(second.csrf).not.toBe(page.csrf);
    expect(await statusOf(page)).toBe(401);
    expect(await statusOf(second)).toBe(200);
  });

  test("does not adopt an id that another site planted", async () => {
    const planted = `rollcall_session=${randomBytes(32).toString("base64url")}.${randomBytes(32).toString("base64url")}`;
    const session = await logIn(system, ana, { cookie: planted });
    expect(session.cookie).not.toBe(planted);
    expect(await statusOf({ ...session, cookie: planted })).toBe(401);
    // A planted cookie beside the real one does not shut the operator out.
    expect(await statusOf({ ...session, cookie: `${planted}; ${session.cookie}` })).toBe(200);
  });

  test("is refused alike for a wrong password and for a name that no operator has", async () => {
    const answers = [];
    for (const given of [
      { ...ana, password: "a wrong password" },
      { name: "carla", password: ana.password },
    ]) {
      const response = await postLogin(system, given);
      const { requestId: _, ...body } = (await response.json()) as { requestId: string };
      answers.push({ status: response.status, body, cookies: response.headers.getSetCookie() });
      expect(response.headers.get("www-authenticate")).toBeNull();
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]).toMatchObject({
      status: 401,
      body: { error: { code: "admin.unauthenticated" } },
      cookies: [],
    });
  });

  test.each([
    ["another site", { "sec-fetch-site": "cross-site" }, 403],
    ["another site, in an older browser", { origin: "https://evil.example" }, 403],
    ["the same site", { "sec-fetch-site": "same-site" }, 403],
    ["the page itself", { "sec-fetch-site": "same-origin" }, 200],
  ])("from %s: %j answers %i", async (_, headers, status) => {
    expect((await postLogin(system, ana, headers)).status).toBe(status);
  });

  test.each([
    ["no JSON", "name=ana&password=x", "application/x-www-form-urlencoded", 415],
    ["a plain text", JSON.stringify({ name: "ana", password: "x" }), "text/plain", 400],
    ["no password", JSON.stringify({ name: "ana" }), "application/json", 400],
    [
      "a password of 20 KB",
      JSON.stringify({ name: "ana", password: "x".repeat(20_000) }),
      "application/json",
      413,
    ],
  ])("with %s is refused before any password is checked", async (_, body, type, status) => {
    const response = await fetch(`${system.apiUrl}/admin/login`, {
      method: "POST",
      headers: { "content-type": type },
      body,
    });
    expect(response.status).toBe(status);
  });
});

describe("a write by cookie", () => {
  const path = "/api/admin/users/user_none/sync";
  let operator: PageSession;
  beforeEach(async () => {
    operator = await logIn(system, bia);
  });

  test("needs the CSRF token of its own session", async () => {
    const other = await logIn(system, bia);
    for (const csrf of ["", "wrong", other.csrf]) {
      const refused = await call({ ...operator, csrf }, path, { method: "POST" });
      expect([refused.status, await readCode(refused)]).toEqual([403, "admin.csrf"]);
    }
    expect((await call(operator, path, { method: "POST" })).status).not.toBe(403);
  });

  test("of another site is refused even with the token", async () => {
    for (const headers of [{ "sec-fetch-site": "cross-site" }, { origin: "https://evil.example" }]) {
      const refused = await call(operator, path, { method: "POST", headers: { ...headers } });
      expect([refused.status, await readCode(refused)]).toEqual([403, "admin.cross_site"]);
    }
  });

  test("needs the token for logout and revocation too", async () => {
    const id = await findSessionId(operator);
    for (const [method, target] of [
      ["POST", "/admin/logout"],
      ["POST", `/api/admin/sessions/${id}/revoke`],
    ] as const) {
      const refused = await call({ ...operator, csrf: "" }, target, { method });
      expect([refused.status, await readCode(refused)]).toEqual([403, "admin.csrf"]);
    }
    expect(await statusOf(operator)).toBe(200);
  });

  test("stands in the timeline under the operator's name, and the token is not needed by Basic", async () => {
    await system.db.query("insert into users (clerk_id) values ('user_audited') on conflict do nothing");
    const own = await call(operator, "/api/admin/users/user_audited/sync", { method: "POST" });
    expect(own.status).toBe(202);
    const byBasic = await fetch(`${system.apiUrl}/api/admin/users/user_audited/sync`, {
      method: "POST",
      headers: basicOf(bia),
    });
    expect(byBasic.status).toBe(202);
    const events = await system.db.query(
      "select ref, cause from rollcall.events where clerk_id = 'user_audited' and kind = 'sync_requested'",
    );
    expect(events.rows).toEqual(Array(2).fill({ ref: "bia", cause: "admin" }));
  });
});

test("a page of another site loads nothing from here, and its link may open a page", async () => {
  // fetch would send a mode of its own.
  const from = async (headers: Record<string, string>) => {
    const answer = await request(`${system.apiUrl}/api/admin/operators`, {
      headers: { cookie: page.cookie, ...headers },
    });
    await answer.body.dump();
    return answer.statusCode;
  };
  for (const site of ["cross-site", "same-site"]) {
    const embedded = { "sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script" };
    expect(await from(embedded)).toBe(403);
    const framed = { "sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" };
    expect(await from(framed)).toBe(403);
    const link = { "sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
    expect(await from(link)).toBe(200);
  }
});

describe("the end of a session", () => {
  test("a logout ends it, clears the cookie and stands in the timeline", async () => {
    const id = await findSessionId(page);
    const answer = await call(page, "/admin/logout", { method: "POST", body: {} });
    expect(answer.status).toBe(204);
    expect(answer.headers.getSetCookie().join("\n")).toMatch(
      /^rollcall_session=; Path=\/; Max-Age=0; .*\n__Host-rollcall_session=; Path=\/; Max-Age=0; .*Secure$/,
    );
    expect(await statusOf(page)).toBe(401);
    expect((await listAdminEvents()).slice(-2)).toEqual([
      { ref: "ana", kind: "operator_logged_in", details: { sessionId: id } },
      { ref: "ana", kind: "operator_logged_out", details: { sessionId: id, operator: "ana" } },
    ]);
    // The page of a session that is over logs out too.
    expect((await call(page, "/admin/logout", { method: "POST", body: {} })).status).toBe(204);
  });

  test("an admin revokes any session, and other operators their own alone", async () => {
    const operator = await logIn(system, bia);
    const administrator = await logIn(system, admin);
    const revoke = async (by: PageSession, id: number) => {
      const answer = await call(by, `/api/admin/sessions/${id}/revoke`, { method: "POST" });
      return [answer.status, answer.status === 204 ? undefined : await readCode(answer)];
    };
    const [ofAna, ofBia] = [await findSessionId(page), await findSessionId(operator)];
    expect(await revoke(page, ofBia)).toEqual([403, "admin.forbidden"]);
    expect(await revoke(operator, ofAna)).toEqual([403, "admin.forbidden"]);
    // An id that no session has is answered alike, so it reveals nothing.
    expect(await revoke(page, 999_999)).toEqual([403, "admin.forbidden"]);
    expect(await statusOf(operator)).toBe(200);
    expect(await revoke(operator, ofBia)).toEqual([204, undefined]);
    expect(await statusOf(operator)).toBe(401);
    expect(await revoke(administrator, ofAna)).toEqual([204, undefined]);
    expect(await statusOf(page)).toBe(401);
    expect(await revoke(administrator, ofAna)).toEqual([404, "admin.session_unknown"]);
    expect((await listAdminEvents()).slice(-2)).toEqual([
      { ref: "bia", kind: "operator_session_revoked", details: { sessionId: ofBia, operator: "bia" } },
      { ref: "admin", kind: "operator_session_revoked", details: { sessionId: ofAna, operator: "ana" } },
    ]);
  });

  test("a request that runs at the time is answered, and the next one is refused", async () => {
    const lock = await system.db.connect();
    try {
      await lock.query("begin; lock table users in access exclusive mode");
      const running = call(page, "/api/admin/users");
      await waitFor("the request to wait for the table", async () => {
        const { rows } = await system.db.query(
          "select from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0",
        );
        return rows.length > 0 ? true : undefined;
      });
      expect((await call(page, "/admin/logout", { method: "POST" })).status).toBe(204);
      await lock.query("commit");
      expect((await running).status).toBe(200);
      expect(await statusOf(page, "/api/admin/users")).toBe(401);
    } finally {
      lock.release();
    }
  });

  test.each([
    ["idle for eight hours", "last_seen_at = now() - interval '8 hours'"],
    ["a day old", "ends_at = now()"],
  ])("a session that is %s is refused", async (_, change) => {
    await system.db.query(`update rollcall.admin_sessions set ${change}`);
    expect(await statusOf(page)).toBe(401);
  });

  const isInUse = async () => {
    const { rows } = await system.db.query(
      "select from rollcall.admin_sessions where last_seen_at > now() - interval '1 minute'",
    );
    return rows.length === 1;
  };

  test("use moves the end", async () => {
    await system.db.query("update rollcall.admin_sessions set last_seen_at = now() - interval '7 hours'");
    expect(await statusOf(page)).toBe(200);
    expect(await isInUse()).toBe(true);
  });

  test("a page that reads without its operator does not move it, and a write does", async () => {
    await system.db.query("update rollcall.admin_sessions set last_seen_at = now() - interval '7 hours'");
    const background = { "x-rollcall-console": "background" };
    const reads: [path: string, headers: Record<string, string>][] = [
      ["/api/admin/status", background],
      ["/api/admin/users", background],
      ["/api/admin/live", { accept: "text/event-stream" }],
      ["/admin/queues/api/queues", { accept: "application/json, text/plain, */*" }],
    ];
    for (const [path, headers] of reads) {
      const answer = await call(page, path, { headers });
      await answer.body?.cancel();
      expect([path, answer.status]).toEqual([path, 200]);
    }
    expect(await isInUse()).toBe(false);
    await call(page, "/api/admin/users/sync", { method: "POST", body: {}, headers: background });
    expect(await isInUse()).toBe(true);
  });
});

test("operators lists every account with its open sessions, and marks the caller's", async () => {
  await logIn(system, bia);
  const items = await listOperators(page);
  expect(items.map(({ name, role, source }) => ({ name, role, source }))).toEqual([
    { name: "admin", role: "admin", source: "ADMIN_PASSWORD" },
    { name: "ana", role: "viewer", source: "ADMIN_OPERATORS" },
    { name: "bia", role: "operator", source: "ADMIN_OPERATORS" },
  ]);
  expect(items.map(({ sessions }) => sessions.map(({ current }) => current))).toEqual([[], [true], [false]]);
});

test("a caller by Basic has no session and needs no token", async () => {
  const answer = await fetch(`${system.apiUrl}/api/admin/session`, { headers: basicOf(ana) });
  expect(await answer.json()).toMatchObject({ name: "ana", role: "viewer", csrf: "", expiresAt: null });
});

test("the operator of a cookie acts, whatever password the browser sends besides", async () => {
  const answer = await call(page, "/api/admin/session", { headers: basicOf(admin) });
  expect(await answer.json()).toMatchObject({ name: "ana" });
});

describe("WWW-Authenticate", () => {
  const challenge = async (path: string, headers: Record<string, string>) => {
    const answer = await fetch(`${system.apiUrl}${path}`, { headers, redirect: "manual" });
    expect([path, answer.status]).toEqual([path, 401]);
    return answer.headers.get("www-authenticate");
  };

  test("tells a program how to log in", async () => {
    for (const accept of ["application/json", "*/*"])
      expect(await challenge("/api/admin/status", { accept })).toMatch(/^Basic /);
  });

  test.each<[string, string, Record<string, string>]>([
    ["a browser that opens the JSON API", "/api/admin/status", { accept: "text/html,*/*" }],
    ["the console", "/api/admin/status", { accept: "application/json", "x-rollcall-console": "1" }],
    [
      "a stream of events in a browser",
      "/api/admin/status",
      { accept: "text/event-stream", "sec-fetch-site": "same-origin" },
    ],
    ["a page of the board", "/admin/queues/api/queues", { accept: "application/json" }],
  ])("does not make a browser ask for a password: %s", async (_, path, headers) => {
    expect(await challenge(path, headers)).toBeNull();
  });

  test("is not sent to a page whose session is over", async () => {
    await system.db.query("truncate rollcall.admin_sessions");
    expect(
      await challenge("/api/admin/status", { accept: "application/json", cookie: page.cookie }),
    ).toBeNull();
  });
});

describe("the board", () => {
  const open = (path: string, headers: Record<string, string>) =>
    fetch(`${system.apiUrl}${path}`, { headers, redirect: "manual" });

  test("leads a browser without a session to the login and back, and a program nowhere", async () => {
    const answer = await open("/admin/queues/queue/sync?status=failed", { accept: "text/html" });
    expect([answer.status, answer.headers.get("location")]).toEqual([
      302,
      "/admin/login?return=%2Fadmin%2Fqueues%2Fqueue%2Fsync%3Fstatus%3Dfailed",
    ]);
    expect((await open("/admin/queues", { accept: "application/json" })).status).toBe(401);
    expect(
      (await open("/admin/queues", { accept: "text/html", ...basicOf({ name: "ana", password: "wrong" }) }))
        .status,
    ).toBe(401);
  });

  test("opens for every role with a session or by Basic", async () => {
    expect((await open("/admin/queues", { accept: "text/html", cookie: page.cookie })).status).toBe(200);
    expect((await open("/admin/queues", basicOf(ana))).status).toBe(200);
  });
});

describe("the console", () => {
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${system.apiUrl}${path}`, { headers: { accept: "text/html", ...headers } });

  test.each([
    "/admin",
    "/admin/",
    "/admin/login",
    "/admin/users/user_1",
    "/admin/nothing",
    "/admin/..%2f..%2fpackage.json",
  ])("%s answers the page, which holds no data, without a login", async (path) => {
    const answer = await get(path);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(answer.headers.get("cache-control")).toBe("no-cache");
    expect(answer.headers.get("www-authenticate")).toBeNull();
    expect(await answer.text()).toContain('<div id="console">');
  });

  test("its files are kept for ever, packed for browsers that take gzip, and a missing one is no page", async () => {
    const [, script = ""] =
      /src="(\/admin\/assets\/[^"]+\.js)"/.exec(await (await get("/admin")).text()) ?? [];
    for (const encoding of ["gzip, br", "identity"]) {
      const answer = await get(script, { "accept-encoding": encoding });
      expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
      expect(answer.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
      expect(answer.headers.get("content-encoding")).toBe(encoding === "identity" ? null : "gzip");
      expect(await answer.text()).toContain("import");
    }
    const missing = await get("/admin/assets/index-older.js");
    expect([missing.status, missing.headers.get("cache-control")]).toEqual([404, "no-store"]);
  });

  test("other methods than GET and HEAD do not exist there", async () => {
    for (const method of ["POST", "PUT", "DELETE"])
      expect((await fetch(`${system.apiUrl}/admin/users`, { method })).status).toBe(404);
    expect((await fetch(`${system.apiUrl}/admin/users`, { method: "HEAD" })).status).toBe(200);
  });
});

test.each([
  "/admin",
  "/admin/login",
  "/admin/assets/nothing.js",
  "/admin/icon.svg",
  "/admin/queues",
  "/admin/queues/nothing",
  "/api/admin/session",
  "/api/admin/nothing",
])("no page may frame %s, with a session or without, and nothing is loaded from elsewhere", async (path) => {
  for (const headers of [{}, { cookie: page.cookie }] as Record<string, string>[]) {
    const answer = await fetch(`${system.apiUrl}${path}`, {
      headers: { accept: "text/html", ...headers },
      redirect: "manual",
    });
    const policy = answer.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toMatch(/^default-src '(none|self)'/);
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
    if (!path.startsWith("/admin/queues")) expect(policy).not.toContain("unsafe-inline");
    expect(answer.headers.get("x-frame-options")).toBe("DENY");
    expect(answer.headers.get("referrer-policy")).toBe("no-referrer");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  }
});

test("no log line holds a password, a cookie, a token, a hash, or a name that may be a password", async () => {
  await postLogin(system, { name: "a password in the wrong field", password: "one-wrong-password" });
  await postLogin(system, { ...ana, password: "another-wrong-password" });
  await call({ ...page, csrf: "a-wrong-token" }, "/admin/logout", { method: "POST" });
  await fetch(`${system.apiUrl}/api/admin/status`, {
    headers: basicOf({ name: "basic-name", password: "basic-wrong" }),
  });
  await call(page, "/admin/logout", { method: "POST" });
  const output = await waitFor("the log of the refusals", async () => {
    const text = system.api.output();
    return text.includes('"reason":"unknown_name"') && text.includes("operator_logged_out")
      ? text
      : undefined;
  });
  expect(output).toContain("Wrong password of ana");
  expect(output).toContain("admin.csrf");
  const secrets = [
    ...["a password in the wrong field", "one-wrong-password", "another-wrong-password", "a-wrong-token"],
    ...["basic-name", "basic-wrong", page.cookie.split("=")[1], page.csrf, ana.password, bia.password],
    ...[ana, bia].flatMap(({ entry }) => entry.split(":")[2]?.split(".").slice(-2)),
  ];
  for (const secret of secrets) {
    expect(secret).toBeTruthy();
    expect(output).not.toContain(secret);
  }
});
