import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { provisioned as provisionedRequest } from "../express.ts";
import { createProvisioning } from "../next.ts";
import { createRollcallClient } from "../rollcall-client.ts";
import { decideOrganization, decideRows } from "../rows.ts";
import { type EnsureServer, failure, ready, startEnsureServer } from "../testing/ensure-server.ts";
import { provisioned as provisionedCall } from "../trpc.ts";
import type { Mentorado, User } from "../wire.ts";
import { type Identity, type ProvisionOptions, provision } from "./provision.ts";

let rollcall: EnsureServer;
beforeAll(async () => {
  rollcall = await startEnsureServer();
});
beforeEach(() => {
  rollcall.calls.length = 0;
  rollcall.will(failure(503));
});
afterAll(() => rollcall.stop());

const ana: Identity = { userId: "user_ana", getToken: async () => "token" };
const user = { id: 1, clerkId: "user_ana", banned: false, deletedAt: null };
const mentorado = { id: 2, userId: 1, turma: "neon" };

/** Options whose `find` returns rows of any form, as an app without type checks may. */
function optionsWith(rows: unknown, warnings: string[] = []): ProvisionOptions {
  return {
    client: createRollcallClient({ baseUrl: rollcall.url, retryDelaysMs: [] }),
    find: async () => rows as { user: User; mentorado: Mentorado },
    warn: (problem) => warnings.push(problem),
  };
}

const without = (row: object, name: string) =>
  Object.fromEntries(Object.entries(row).filter(([key]) => key !== name));

const unreadable: [name: string, rows: unknown][] = [
  ["mentorado is undefined", { user, mentorado: undefined }],
  ["mentorado is missing", { user }],
  ["mentorado is 0", { user, mentorado: 0 }],
  ["mentorado is an empty text", { user, mentorado: "" }],
  ["mentorado is false", { user, mentorado: false }],
  ["mentorado is an empty list", { user, mentorado: [] }],
  ["mentorado is a query without await", { user, mentorado: Promise.resolve(mentorado) }],
  ["mentorado is a left join without a match", { user, mentorado: { id: null, userId: null, turma: null } }],
  ["mentorado has no key", { user, mentorado: { ...mentorado, id: null } }],
  ["the profile belongs to another user", { user, mentorado: { ...mentorado, userId: 9 } }],
  ["the profile belongs to no user", { user, mentorado: { ...mentorado, userId: null } }],
  ["the profile's userId is undefined", { user, mentorado: { ...mentorado, userId: undefined } }],
  [
    "the profile's userId is text and the user's id a number",
    { user, mentorado: { ...mentorado, userId: "1" } },
  ],
  ["the profile's userId cannot be compared", { user: without(user, "id"), mentorado }],
  ["user is missing", { mentorado }],
  ["user is null", { user: null, mentorado }],
  ["clerkId is missing", { user: without(user, "clerkId"), mentorado }],
  ["the user is another", { user: { ...user, clerkId: "user_bia" }, mentorado }],
  ["banned is undefined", { user: { ...user, banned: undefined }, mentorado }],
  ["banned is missing", { user: without(user, "banned"), mentorado }],
  ["banned is 0", { user: { ...user, banned: 0 }, mentorado }],
  ["banned is null", { user: { ...user, banned: null }, mentorado }],
  ["banned is the text false", { user: { ...user, banned: "false" }, mentorado }],
  ["deletedAt is missing", { user: without(user, "deletedAt"), mentorado }],
  ["deletedAt is undefined", { user: { ...user, deletedAt: undefined }, mentorado }],
  ["deletedAt is an empty text", { user: { ...user, deletedAt: "" }, mentorado }],
  ["deletedAt is false", { user: { ...user, deletedAt: false }, mentorado }],
  ["the rows are a list", [user, mentorado]],
  ["the rows are a text", "user_ana"],
];

describe("no handler runs, and the answer is 503, when", () => {
  test.each(unreadable)("%s", async (_name, rows) => {
    const warnings: string[] = [];
    const options = optionsWith(rows, warnings);
    const runs: string[] = [];

    const headers: Record<string, string> = {};
    const response = {
      statusCode: 0,
      setHeader: (name: string, value: string) => Object.assign(headers, { [name]: value }),
      end: () => undefined,
      once: () => undefined,
    };
    const middleware = provisionedRequest({ ...options, identify: () => ana });
    await middleware({}, response, () => runs.push("express"));
    expect([response.statusCode, headers["retry-after"]]).toEqual([503, "1"]);

    const { withProvisioned } = createProvisioning({ ...options, identify: () => ana });
    const handler = withProvisioned(() => {
      runs.push("next");
      return new Response();
    });
    expect((await handler(new Request("https://app.example.com/"))).status).toBe(503);

    // tRPC calls the middleware with more than its type says here.
    const procedure = provisionedCall({ ...options, identify: () => ana }) as unknown as (
      call: object,
    ) => unknown;
    const call = procedure({ ctx: {}, next: () => runs.push("trpc"), signal: undefined });
    await expect(call).rejects.toMatchObject({ code: "SERVICE_UNAVAILABLE" });

    expect(runs).toEqual([]);
    expect(rollcall.calls).toEqual([]);
    expect(warnings).toHaveLength(3);
  });

  test.each([
    ["the answer has no mentorado", { mentorado: undefined }],
    ["the answer's mentorado is 0", { mentorado: 0 }],
    ["the answer's profile is another user's", { mentorado: { ...mentorado, userId: 9 } }],
    ["the answer's user has no banned", { user: without(user, "banned") }],
  ])("%s", async (_name, change) => {
    rollcall.will(ready("user_ana", change as Parameters<typeof ready>[1]));
    const client = createRollcallClient({ baseUrl: rollcall.url, retryDelaysMs: [] });
    await expect(provision({ client, warn: () => undefined }, ana)).rejects.toMatchObject({ status: 503 });
  });
});

test("a banned or deleted user is 403, and a user without a profile is made one", async () => {
  const codeOf = (rows: unknown) =>
    provision(optionsWith(rows), ana).catch(({ status, code }) => `${status} ${code}`);
  expect(await codeOf({ user: { ...user, banned: true }, mentorado })).toBe("403 user.banned");
  for (const deletedAt of [new Date(), "2026-01-01T00:00:00Z", 1_767_225_600_000])
    expect(await codeOf({ user: { ...user, deletedAt }, mentorado })).toBe("403 user.deleted");
  expect(rollcall.calls).toEqual([]);
  for (const rows of [{ user, mentorado: null }, undefined, null]) await codeOf(rows);
  expect(rollcall.calls).toHaveLength(3);
});

test.each([
  ["a numeric key", { user, mentorado }],
  ["an app's own columns without keys", { user: without(user, "id"), mentorado: { cohort: 3 } }],
  ["bigint keys", { user: { ...user, id: 1n }, mentorado: { ...mentorado, userId: 1n } }],
  ["uuid keys", { user: { ...user, id: "5f1b" }, mentorado: { ...mentorado, userId: "5f1b" } }],
  ["the Clerk id as the key", { user: without(user, "id"), mentorado: { ...mentorado, userId: "user_ana" } }],
])("rows with %s are right", async (_name, rows) => {
  expect(await provision(optionsWith(rows), ana)).toBe(rows);
});

/** Values that drivers, joins, missing columns and mistakes put into a field. */
const odd = fc.oneof(
  fc.constantFrom<unknown[]>(
    undefined,
    null,
    0,
    1,
    "",
    "user_ana",
    "user_bia",
    true,
    false,
    new Date(0),
    {},
    [],
  ),
  fc.constantFrom<unknown[]>(Number.NaN, 1n, new Date(Number.NaN), Promise.resolve(mentorado)),
  fc.anything(),
);
/** A row in which each field is right, odd or missing. */
const oddRow = (row: object) =>
  fc.record(
    Object.fromEntries(
      Object.entries(row).map(([name, right]) => [
        name,
        fc.oneof({ weight: 4, arbitrary: fc.constant(right) }, odd),
      ]),
    ),
    { requiredKeys: [] },
  );
const oddRows = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record(
      {
        user: fc.oneof({ weight: 9, arbitrary: oddRow(user) }, odd),
        mentorado: fc.oneof({ weight: 9, arbitrary: oddRow(mentorado) }, odd),
      },
      { requiredKeys: [] },
    ),
  },
  odd,
);

test("rows of any form are complete only if every field is right", () => {
  const seen = { complete: 0, others: 0 };
  fc.assert(
    fc.property(oddRows, (rows) => {
      const verdict = decideRows(rows, "user_ana");
      if (verdict.kind !== "complete") {
        seen.others++;
        return;
      }
      seen.complete++;
      const found = rows as { user: Record<string, unknown>; mentorado: Record<string, unknown> };
      expect(found.user).toMatchObject({ clerkId: "user_ana", banned: false, deletedAt: null });
      expect(typeof found.mentorado).toBe("object");
      expect(Object.values(found.mentorado).some((value) => value != null)).toBe(true);
      if ("userId" in found.mentorado)
        expect([found.user["id"], "user_ana"]).toContain(found.mentorado["userId"]);
      for (const row of [found.user, found.mentorado])
        if ("id" in row) expect(["number", "bigint", "string"]).toContain(typeof row["id"]);
    }),
    { numRuns: 3_000 },
  );
  expect(seen.complete).toBeGreaterThan(50);
  expect(seen.others).toBeGreaterThan(50);
});

test("a problem names the field, and never a value", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 8 }), (secret) => {
      const rows = {
        user: { ...user, clerkId: secret, banned: secret, deletedAt: secret },
        mentorado: secret,
      };
      const verdict = decideRows(rows, "user_ana");
      expect(verdict).toMatchObject({ kind: "unreadable" });
      expect(JSON.stringify(verdict)).not.toContain(JSON.stringify(secret).slice(1, -1));
    }),
  );
});

describe("a token that Rollcall refuses for its missing azp", () => {
  test("is 401, and answer and warning name the variable that accepts it", async () => {
    rollcall.will(failure(401, "session.no_azp"));
    const warnings: string[] = [];
    const client = createRollcallClient({ baseUrl: rollcall.url, retryDelaysMs: [] });
    const warn = (problem: string) => warnings.push(problem);
    const { withProvisioned } = createProvisioning({ client, warn, identify: () => ana });
    const answer = await withProvisioned(() => new Response())(new Request("https://app.example.com/"));
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({
      error: { code: "session.no_azp", message: expect.stringContaining("CLERK_ACCEPT_MISSING_AZP") },
    });
    expect(warnings).toEqual([expect.stringMatching(/CLERK_ACCEPT_MISSING_AZP.*req_1/)]);
  });

  test("a refusal for another reason warns with the settings that decide it", async () => {
    rollcall.will(failure(401, "unauthenticated"));
    const warnings: string[] = [];
    const client = createRollcallClient({ baseUrl: rollcall.url, retryDelaysMs: [] });
    const refused = provision({ client, warn: (problem) => warnings.push(problem) }, ana);
    await expect(refused).rejects.toMatchObject({ status: 401, code: "unauthenticated" });
    expect(warnings).toEqual([expect.stringMatching(/CLERK_AUTHORIZED_PARTIES.*CLERK_JWT_KEY.*req_1/)]);
  });
});

const inTeam = (role: unknown, clerkOrgId: unknown = "org_a") => ({ organization: { clerkOrgId, role } });

test.each<[kind: string, active: string | null | undefined, rows: object]>([
  ["complete", "org_a", inTeam("org:admin")],
  ["complete", "org_a", inTeam(null)],
  ["complete", null, { organization: null }],
  // An app without organizations, and an identity that does not say which one is active.
  ["complete", "org_a", { user }],
  ["complete", undefined, inTeam("org:admin")],
  ["not_a_member", "org_a", { organization: null }],
  ["unreadable", "org_b", inTeam("org:admin")],
  ["unreadable", null, inTeam("org:admin")],
  ["unreadable", "org_a", inTeam("org:admin", 7)],
  ["unreadable", "org_a", inTeam(undefined)],
  ["unreadable", "org_a", { organization: [] }],
])("rows are %s in the active organization %s", (kind, active, rows) => {
  expect(decideOrganization(rows, active)).toMatchObject({ kind });
});
