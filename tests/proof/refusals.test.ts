import { findFreePort } from "@rollcall/local-services";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { callEnsure, ensure, postWebhook, untilProfile } from "../harness/calls.ts";
import { runProcess } from "../harness/process.ts";
import { origin, type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

const app = "chrome-extension://abcdefghijklmnopabcdefghijklmnop";
const native = "exp://192.0.2.1:8081";
const userId = "user_refused";

let system: System;
beforeAll(async () => {
  system = await startSystem({
    backend: "postgres",
    environment: { CLERK_AUTHORIZED_PARTIES: `${origin},${app},tauri://localhost,${native}` },
  });
});
afterAll(() => system?.stop());

type Token = Parameters<System["clerk"]["sessions"]["mintToken"]>[0];
const callWith = async (token: Partial<Token>, headers: Record<string, string> = {}) =>
  callEnsure(system, {
    authorization: `Bearer ${await system.clerk.sessions.mintToken({ userId, azp: origin, ...token })}`,
    ...headers,
  });

async function readCount(metric: string, labels: string): Promise<number> {
  const text = await (await fetch(`${system.apiUrl}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`${metric}{${labels}}`));
  return Number(line?.split(" ").at(-1) ?? 0);
}

type Line = { requestId?: string; event?: string; level: number } & Record<string, unknown>;

/** The log line of one answer, which the api writes at its default level. */
function findLine(requestId: unknown): Promise<Line> {
  return waitFor("the line of a refusal", async () => {
    const line = system.api
      .output()
      .split("\n")
      .find((one) => one.includes(String(requestId)));
    return line === undefined ? undefined : (JSON.parse(line) as Line);
  });
}

const requestIdOf = (body: unknown) => (body as { requestId: string }).requestId;

describe("each refusal of ensure is counted by its reason and stands in the log under its request id", () => {
  const now = () => Math.floor(Date.now() / 1_000);
  const refusals: [string, string, Record<string, unknown>, () => ReturnType<typeof callWith>][] = [
    ["no token", "unauthenticated.missing", { reason: "missing" }, () => callEnsure(system, {})],
    [
      "garbage",
      "unauthenticated.malformed",
      { reason: "malformed" },
      () => callEnsure(system, { authorization: "Bearer x.y.z" }),
    ],
    [
      "a wrong azp",
      "unauthenticated.azp",
      { reason: "azp", party: "https://old.example.com", level: 40 },
      () => callWith({ azp: "https://old.example.com" }),
    ],
    ["an expiry", "unauthenticated.expired", { reason: "expired" }, () => callWith({ expiresInS: -60 })],
    ["no sid", "unauthenticated.no_sid", { reason: "no_sid" }, () => callWith({ omit: ["sid"] })],
    [
      "an iat in the future",
      "unauthenticated.not_yet_valid",
      { reason: "not_yet_valid" },
      () => callWith({ overrides: { iat: now() + 60 } }),
    ],
    [
      "an unknown sts",
      "unauthenticated.sts",
      { reason: "sts" },
      () => callWith({ overrides: { sts: "odd" } }),
    ],
    ["no azp", "session.no_azp", { code: "session.no_azp", level: 40 }, () => callWith({ azp: null })],
    ["a pending session", "session.pending", { code: "session.pending" }, () => callWith({ sts: "pending" })],
    [
      "another user's id",
      "user.forbidden",
      { code: "user.forbidden" },
      () => ensure(system, userId, { body: '{"userId":"user_2"}', headers: json }),
    ],
    [
      "a malformed body",
      "request.malformed",
      { code: "request.malformed" },
      () => ensure(system, userId, { body: "not json", headers: json }),
    ],
    [
      "a body that is too large",
      "request.too_large",
      { code: "request.too_large" },
      () => ensure(system, userId, { body: `{"x":"${"x".repeat(70_000)}"}`, headers: json }),
    ],
    [
      "an unknown content type",
      "request.unsupported_media_type",
      { code: "request.unsupported_media_type" },
      () => ensure(system, userId, { body: "<a/>", headers: { "content-type": "application/xml" } }),
    ],
    [
      "an unknown user",
      "user.unknown",
      { code: "user.unknown" },
      () => callWith({ userId: "user_of_no_clerk" }),
    ],
  ];
  const json = { "content-type": "application/json" };

  test.each(refusals)("%s", async (_what, outcome, fields, call) => {
    const count = () => readCount("rollcall_ensure_total", `outcome="${outcome}"`);
    const before = await count();
    const { status, body } = await call();
    expect(status).toBeGreaterThanOrEqual(400);
    await waitFor("the count", async () => ((await count()) === before + 1 ? true : undefined));
    expect(await findLine(requestIdOf(body))).toMatchObject({ route: "/api/ensure", status, ...fields });
  });
});

test("no line of a refusal holds a token, or text that a stranger put into one", async () => {
  const token = await system.clerk.sessions.mintToken({ userId, azp: "\u001b[31mkanarienvogel" });
  const { body } = await callEnsure(system, { authorization: `Bearer ${token}` });
  expect(await findLine(requestIdOf(body))).toMatchObject({ reason: "azp" });
  expect(system.api.output()).not.toContain(token.split(".")[2]);
  expect(system.api.output()).not.toContain("kanarienvogel");
});

test("401 session.no_azp names the setting that allows such tokens", async () => {
  const answer = await callWith({ azp: null }, { "accept-language": "en" });
  expect(answer).toMatchObject({ status: 401, body: { error: { code: "session.no_azp" } } });
  expect(JSON.stringify(answer.body)).toContain("CLERK_ACCEPT_MISSING_AZP=true");
  expect(answer.headers.get("www-authenticate")).toBe("Bearer");
});

test.each([app, "tauri://localhost", native])(
  "a token of %s is accepted, and CORS allows it",
  async (azp) => {
    const person = await system.clerk.users.create();
    await untilProfile(system, person.id);
    const answer = await callWith({ userId: person.id, azp }, { origin: azp });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBe(azp);
    const preflight = await sendPreflight(azp, "authorization,baggage,sentry-trace,traceparent,tracestate");
    expect(preflight.headers.get("access-control-allow-origin")).toBe(azp);
  },
);

function sendPreflight(from: string, headers: string): Promise<Response> {
  return fetch(`${system.apiUrl}/api/ensure`, {
    method: "OPTIONS",
    headers: {
      origin: from,
      "access-control-request-method": "POST",
      "access-control-request-headers": headers,
    },
  });
}

test("an origin that CORS refuses is logged once with the setting that allows it, and each preflight is counted", async () => {
  const from = "https://old.example.com";
  const count = () => readCount("rollcall_ensure_total", 'outcome="origin_refused"');
  const before = await count();
  for (let call = 0; call < 3; call++) {
    const answer = await sendPreflight(from, "authorization");
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  }
  expect(await count()).toBe(before + 3);
  const lines = system.api
    .output()
    .split("\n")
    .filter((line) => line.includes('"origin_refused"') && line.includes(from));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("CLERK_AUTHORIZED_PARTIES");
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: 40, requestId: expect.any(String) });
});

test("a flood of refusals is counted to the last, and logged within a limit", async () => {
  const calls = 200;
  const count = () => readCount("rollcall_ensure_total", 'outcome="unauthenticated.signature"');
  const token = await system.clerk.sessions.mintToken({ userId, azp: origin });
  const forged = `${token.split(".").slice(0, 2).join(".")}.AAAA`;
  for (let call = 0; call < calls; call++) await callEnsure(system, { authorization: `Bearer ${forged}` });
  await waitFor("every count", async () => ((await count()) === calls ? true : undefined));
  const lines = system.api.output().match(/"reason":"signature"/g) ?? [];
  expect(lines.length).toBeGreaterThanOrEqual(60);
  expect(lines.length).toBeLessThan(calls);
});

test("a webhook is counted by the reason of its refusal, and its request id is in the log", async () => {
  const body = '{"type":"user.updated","data":{"id":"user_1"}}';
  const stale = await system.clerk.webhooks.sign(body, { timestamp: Math.floor(Date.now() / 1_000) - 360 });
  const cases: [string, string, () => ReturnType<typeof postWebhook>][] = [
    ["refused", "signature", () => postWebhook(system, body, { "svix-signature": "v1,AAAA" })],
    ["refused_headers", "headers", () => postWebhook(system, body, { "svix-id": undefined })],
    ["refused_timestamp", "timestamp", () => postWebhook(system, body, { ...stale })],
    ["too_large", "", () => postWebhook(system, `"${"a".repeat(257 * 1024)}"`)],
    ["unsupported_media_type", "", () => postWebhook(system, body, { "content-type": "text/plain" })],
  ];
  for (const [outcome, reason, send] of cases) {
    const answer = await send();
    expect(answer.status).toBeGreaterThanOrEqual(400);
    const labels = `type="other",outcome="${outcome}"`;
    await waitFor(outcome, async () =>
      (await readCount("rollcall_webhooks_total", labels)) === 1 ? true : undefined,
    );
    const line = await findLine(requestIdOf(answer.body));
    expect(line).toMatchObject({ route: "/api/webhooks/clerk", ...(reason && { reason }) });
  }
  // A delivery that was read is not counted a second time as one that was not.
  expect(await readCount("rollcall_webhooks_total", 'type="other",outcome="malformed"')).toBe(0);
});

test("when most logins are refused, the status says so with the reasons, and the alert fires", async () => {
  const calls = Array.from({ length: 120 }, () => callWith({ azp: "https://old.example.com" }));
  expect(new Set((await Promise.all(calls)).map(({ status }) => status))).toEqual(new Set([401]));
  const untilProblem = (pattern: RegExp) =>
    waitFor(
      `${pattern} in the status`,
      async () => {
        const { body } = await callAdmin(system, "/api/admin/status");
        const { problems } = body as { problems: string[] };
        return problems.some((problem) => pattern.test(problem)) ? true : undefined;
      },
      150_000,
    );
  await untilProblem(/^Most logins .*unauthenticated\.azp 1\d\d/);
  await untilProblem(/^Firing: .*logins_refused/);
}, 330_000);

test("an api with CLERK_ACCEPT_MISSING_AZP=true accepts a token without azp, and no foreign one", async () => {
  const person = await system.clerk.users.create();
  await untilProfile(system, person.id);
  const port = await findFreePort();
  const environment = { ...system.environment, PORT: String(port), CLERK_ACCEPT_MISSING_AZP: "true" };
  const api = runProcess("apps/api/dist/main.js", environment);
  const apiUrl = `http://127.0.0.1:${port}`;
  await waitFor("the api", async () => ((await fetch(`${apiUrl}/healthz`)).ok ? true : undefined), 100_000);
  const statusOf = async (azp: string | null) => {
    const token = await system.clerk.sessions.mintToken({ userId: person.id, azp });
    return (await callEnsure({ ...system, apiUrl }, { authorization: `Bearer ${token}` })).status;
  };
  expect([await statusOf(null), await statusOf("https://evil.example")]).toEqual([200, 401]);
  await api.stop();
});
