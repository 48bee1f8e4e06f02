import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from "vitest";
import { createRollcallClient, type RollcallClientOptions } from "../rollcall-client.ts";
import {
  type Behaviour,
  type EnsureServer,
  failure,
  ready,
  readyIn,
  startEnsureServer,
} from "../testing/ensure-server.ts";
import { until } from "../testing/until.ts";
import type { Mentorado, User } from "../wire.ts";
import { type Identity, type ProvisionOptions, provision } from "./provision.ts";
import type { ProvisioningError } from "./provisioning-error.ts";

let rollcall: EnsureServer;
beforeEach(async () => {
  rollcall = await startEnsureServer();
});
afterEach(() => rollcall.stop());

/** Without retries; the tests of the client cover them. */
const connect = (options: Partial<RollcallClientOptions> = {}) =>
  createRollcallClient({ baseUrl: rollcall.url, retryDelaysMs: [], ...options });

const signedIn = (userId: string): Identity => ({ userId, getToken: async () => `token of ${userId}` });

const ana = { clerkId: "user_ana", banned: false, deletedAt: null, plan: "pro" };
const anasProfile = { cohort: 3 };

async function refused(
  options: Partial<ProvisionOptions>,
  identity: Identity | null = signedIn("user_ana"),
): Promise<ProvisioningError> {
  // Any other error fails the assertions on its code.
  return provision({ client: connect(), ...options }, identity).then(
    () => Promise.reject(new Error("The caller was not refused")),
    (error: ProvisioningError) => error,
  );
}

describe("a user in the app's own database", () => {
  test("is attached with the app's rows, and Rollcall is not called", async () => {
    const find = async () => ({ user: ana, mentorado: anasProfile });
    const profile = await provision({ client: connect(), find }, signedIn("user_ana"));
    expect(profile).toEqual({ user: ana, mentorado: anasProfile });
    expect(rollcall.calls).toEqual([]);
    expectTypeOf(profile.user).toEqualTypeOf<typeof ana>();
    expectTypeOf(profile.mentorado).toEqualTypeOf<{ cohort: number }>();
  });

  test.each([
    ["user.banned", { banned: true, deletedAt: null }],
    ["user.deleted", { banned: false, deletedAt: new Date() }],
    ["user.deleted", { banned: true, deletedAt: new Date() }],
  ] as const)("with %s is refused, also with a profile", async (code, change) => {
    const find = async () => ({ user: { ...ana, ...change }, mentorado: anasProfile });
    await expect(provision({ client: connect(), find }, signedIn("user_ana"))).rejects.toMatchObject({
      code,
    });
    expect(rollcall.calls).toEqual([]);
  });

  test("never gets rows of another user, even if the app finds the wrong rows", async () => {
    const find = async () => ({ user: ana, mentorado: anasProfile });
    const wrong = provision({ client: connect(), find }, signedIn("user_bia"));
    await expect(wrong).rejects.toMatchObject({ code: "unavailable" });
  });

  test("an error of the app's own `find` is passed on", async () => {
    const find = () => Promise.reject(new Error("relation does not exist"));
    await expect(provision({ client: connect(), find }, signedIn("user_ana"))).rejects.toThrow("relation");
  });
});

describe("a missing profile", () => {
  test("is made, and then read from the app's own database", async () => {
    let made = false;
    rollcall.will(() => {
      made = true;
      return ready("user_ana");
    });
    const find = async () => (made ? { user: ana, mentorado: anasProfile } : undefined);
    const profile = await provision({ client: connect(), find }, signedIn("user_ana"));
    expect(profile.mentorado).toBe(anasProfile);
    expect(rollcall.calls.map(({ token }) => token)).toEqual(["token of user_ana"]);
  });

  test("is made for a user with a row", async () => {
    rollcall.will(ready("user_ana"));
    let reads = 0;
    const find = async () => ({ user: ana, mentorado: reads++ === 0 ? null : anasProfile });
    const profile = await provision({ client: connect(), find }, signedIn("user_ana"));
    expect(profile.mentorado).toBe(anasProfile);
  });

  test("is taken from Rollcall's answer in an app without `find`", async () => {
    rollcall.will(ready("user_ana"));
    const profile = await provision({ client: connect() }, signedIn("user_ana"));
    expect(profile.mentorado.nomeCompleto).toBe("Profile of user_ana");
    expectTypeOf(profile.user).toEqualTypeOf<User>();
    expectTypeOf(profile.mentorado).toEqualTypeOf<Mentorado>();
  });

  test("is requested once for many requests of one session", async () => {
    rollcall.will(ready("user_ana"));
    const client = connect();
    await Promise.all(Array.from({ length: 20 }, () => provision({ client }, signedIn("user_ana"))));
    expect(rollcall.calls).toHaveLength(1);
  });

  test("is never the profile of another user with a request at the same time", async () => {
    rollcall.will(({ token }) => ready(token.replace("token of ", "")));
    const client = connect();
    const ids = Array.from({ length: 50 }, (_, index) => `user_${index % 10}`);
    const profiles = await Promise.all(ids.map((id) => provision({ client }, signedIn(id))));
    expect(profiles.map(({ user }) => user.clerkId)).toEqual(ids);
  });
});

describe("the active organization", () => {
  const inTeam = (orgId: string | null): Identity => ({ ...signedIn("user_ana"), orgId });
  const organization = { clerkOrgId: "org_a", role: "org:admin", plan: "team" };

  test("is attached from Rollcall's answer in an app without `find`", async () => {
    rollcall.will(readyIn("user_ana", "org_a"));
    const profile = await provision({ client: connect() }, inTeam("org_a"));
    expect(profile.organization).toMatchObject({ clerkOrgId: "org_a", name: "Escola", role: "org:admin" });
    rollcall.will(readyIn("user_ana", null));
    expect((await provision({ client: connect() }, inTeam(null))).organization).toBeNull();
    rollcall.will(ready("user_ana"));
    expect("organization" in (await provision({ client: connect() }, inTeam("org_a")))).toBe(false);
  });

  test("is read by `find`, and a missing membership is made first", async () => {
    let made = false;
    rollcall.will(() => {
      made = true;
      return readyIn("user_ana", "org_a");
    });
    const asked: (string | null)[] = [];
    const find = async (_clerkId: string, orgId: string | null) => {
      asked.push(orgId);
      return { user: ana, mentorado: anasProfile, organization: made ? organization : null };
    };
    const profile = await provision({ client: connect(), find }, inTeam("org_a"));
    expect(profile.organization).toBe(organization);
    await provision({ client: connect(), find }, inTeam("org_a"));
    expect([rollcall.calls.length, asked]).toEqual([1, ["org_a", "org_a", "org_a"]]);
  });

  test("of another session is refused as not readable", async () => {
    rollcall.will(readyIn("user_ana", "org_b"));
    expect(await refused({}, inTeam("org_a"))).toMatchObject({ code: "unavailable", status: 503 });
    const find = async () => ({ user: ana, mentorado: anasProfile, organization });
    const wrong = provision({ client: connect(), find, warn: () => undefined }, inTeam("org_b"));
    await expect(wrong).rejects.toMatchObject({ code: "unavailable" });
  });
});

const refusals: [code: string, status: number, answer: Behaviour][] = [
  ["no_profile", 403, ready("user_ana", { mentorado: null })],
  ["user.banned", 403, failure(403, "user.banned")],
  ["user.deleted", 403, failure(410, "user.deleted")],
  ["user.unknown", 403, failure(404, "user.unknown")],
  ["organization.not_a_member", 403, failure(403, "organization.not_a_member")],
  ["session.pending", 403, failure(403, "session.pending")],
  ["unauthenticated", 401, failure(401, "unauthenticated")],
  ["unavailable", 503, failure(503, "postgres.unavailable")],
  ["unavailable", 503, failure(429, "request.rate_limited")],
  ["unavailable", 503, failure(500, "internal")],
  ["unavailable", 503, { status: 202, body: { success: false, status: "pending" } }],
  // The answers of another server: a wrong address must not count as a refusal of the user.
  ["unavailable", 503, failure(404, "request.not_found")],
  ["unavailable", 503, { status: 404, body: "<h1>Not found</h1>" }],
  ["unavailable", 503, { status: 200, body: "<h1>Sign in to this network</h1>" }],
  // A token of another session than the one verified by the app.
  ["unavailable", 503, ready("user_bia")],
];

describe("a refused caller", () => {
  test.each(refusals)("gets %s with %i", async (code, status, answer) => {
    rollcall.will(answer);
    const error = await refused({});
    expect([error.code, error.status, error.digest]).toEqual([code, status, `rollcall:${code}`]);
  });

  test.each<[string, Identity | null]>([
    ["a request without an identity", null],
    ["an identity without an id", { ...signedIn("x"), userId: null }],
    ["an identity with an empty id", signedIn("")],
    ["a session that gives no token", { userId: "user_ana", getToken: async () => null }],
  ])("%s is unauthenticated, and Rollcall is not called", async (_case, identity) => {
    expect(await refused({}, identity)).toMatchObject({ code: "unauthenticated", status: 401 });
    expect(rollcall.calls).toEqual([]);
  });

  test("gets a message in Portuguese, or in the client's language", async () => {
    rollcall.will(failure(503, "postgres.unavailable"));
    expect((await refused({})).message).toBe(
      "Seu perfil não pôde ser preparado agora. Tente de novo em instantes.",
    );
    const english = await refused({ client: connect({ locale: "en" }) });
    expect(english.message).toBe(
      "Your profile could not be prepared right now. Please try again in a moment.",
    );
  });
});

describe("while Rollcall is away", () => {
  test("the error holds the wait before the next request", async () => {
    rollcall.will(failure(503, "postgres.unavailable", { "retry-after": "7" }));
    expect((await refused({})).retryAfterMs).toBe(7_000);
  });

  test("the wait is also set when the time limit ends between two attempts of the client", async () => {
    rollcall.will(failure(503, "postgres.unavailable", { "retry-after": "7" }));
    const client = connect({ retryDelaysMs: undefined });
    expect(await refused({ client })).toMatchObject({ status: 503, retryAfterMs: 7_000 });
  }, 60_000);

  test("a session token that never comes is a 503 after the time limit", async () => {
    const identity = { userId: "user_ana", getToken: () => new Promise<string>(() => {}) };
    expect(await refused({ patienceMs: 50 }, identity)).toMatchObject({ status: 503 });
  });

  test("a refused connection is a 503", async () => {
    await rollcall.stop();
    expect(await refused({})).toMatchObject({ status: 503, retryAfterMs: 1_000 });
  });

  test("a server that never answers is a 503 after the time limit", async () => {
    rollcall.will("hang");
    expect(await refused({ patienceMs: 50 })).toMatchObject({ status: 503 });
  });

  test("a new profile that the app's database does not show yet is a 503", async () => {
    rollcall.will(ready("user_ana"));
    await expect(
      provision({ client: connect(), find: async () => undefined }, signedIn("user_ana")),
    ).rejects.toMatchObject({ status: 503 });
  });

  test("a closed request ends the wait", async () => {
    rollcall.will("hang");
    const gone = new AbortController();
    const options = { client: connect(), patienceMs: 600_000 };
    const waiting = provision(options, signedIn("user_ana"), gone.signal);
    await until("the call", () => rollcall.calls[0]);
    gone.abort();
    await expect(waiting).rejects.toMatchObject({ status: 503 });
  });
});

test("an app's user row must have its Clerk id and the fields that decide access", () => {
  const client = connect();
  // @ts-expect-error: without banned and deletedAt no user could be refused
  const options: ProvisionOptions<{ clerkId: string }> = { client };
  expect(options.client).toBe(client);
});
