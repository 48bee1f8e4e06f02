import { afterEach, beforeEach, describe, expect, expectTypeOf, test } from "vitest";
import { createProvisioning, type Identity, ProvisioningError, type Unauthenticated } from "./next.ts";
import { createRollcallClient } from "./rollcall-client.ts";
import { type EnsureServer, failure, ready, startEnsureServer } from "./testing/ensure-server.ts";
import type { Mentorado, User } from "./wire.ts";

let rollcall: EnsureServer;
beforeEach(async () => {
  rollcall = await startEnsureServer();
});
afterEach(() => rollcall.stop());

const anasSession = async (): Promise<Identity> => ({ userId: "user_ana", getToken: async () => "token" });

function provisioning(
  identify: () => Promise<Identity | null> = anasSession,
  onUnauthenticated?: Unauthenticated["onUnauthenticated"],
) {
  const client = createRollcallClient({ baseUrl: rollcall.url, retryDelaysMs: [] });
  return createProvisioning({ client, identify, onUnauthenticated, warn: () => undefined });
}

const request = () => new Request("https://app.example.com/api/goals");

test("a layout gets user and profile", async () => {
  rollcall.will(ready("user_ana"));
  const { user, mentorado } = await provisioning().requireProvisioned();
  expect([user.clerkId, mentorado.turma]).toEqual(["user_ana", "neon"]);
  expectTypeOf(user).toEqualTypeOf<User>();
  expectTypeOf(mentorado).toEqualTypeOf<Mentorado>();
});

test("a layout without a profile fails with an error whose type and digest hold the code", async () => {
  rollcall.will(failure(503, "queue.unavailable"));
  const error = await provisioning()
    .requireProvisioned()
    .catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ProvisioningError);
  expect(error).toMatchObject({ status: 503, digest: "rollcall:unavailable" });
});

test("a route handler gets the profile and the arguments of Next.js", async () => {
  rollcall.will(ready("user_ana"));
  type Params = { params: Promise<{ id: string }> };
  const GET = provisioning().withProvisioned(async (req, { mentorado }, { params }: Params) =>
    Response.json([new URL(req.url).pathname, mentorado.nomeCompleto, (await params).id]),
  );
  expectTypeOf(GET).parameters.toEqualTypeOf<[Request, Params]>();
  const answer = await GET(request(), { params: Promise.resolve({ id: "7" }) });
  expect(await answer.json()).toEqual(["/api/goals", "Profile of user_ana", "7"]);
});

test("a route handler does not run without a profile: 401, 403, or 503 with Retry-After", async () => {
  const runs: string[] = [];
  const answerOf = async (identify = anasSession as () => Promise<Identity | null>) => {
    const GET = provisioning(identify).withProvisioned((_req, { user }) => {
      runs.push(user.clerkId);
      return new Response();
    });
    const { status, headers } = await GET(request());
    return [status, headers.get("retry-after")];
  };
  expect(await answerOf(async () => null)).toEqual([401, null]);
  rollcall.will(ready("user_ana", { mentorado: null }));
  expect(await answerOf()).toEqual([403, null]);
  rollcall.will(failure(503, "clerk.unavailable", { "retry-after": "5" }));
  expect(await answerOf()).toEqual([503, "5"]);
  expect(runs).toEqual([]);
});

test("an error of the handler itself is passed on", async () => {
  rollcall.will(ready("user_ana"));
  const GET = provisioning().withProvisioned(() => Promise.reject(new Error("of the app")));
  await expect(GET(request())).rejects.toThrow("of the app");
});

test("a route handler may take the request type of its framework", async () => {
  rollcall.will(ready("user_ana"));
  class NextRequest extends Request {
    readonly nextUrl = new URL(this.url);
  }
  const GET = provisioning().withProvisioned((req: NextRequest, { mentorado }) =>
    Response.json([req.nextUrl.pathname, mentorado.turma]),
  );
  expectTypeOf(GET).parameters.toEqualTypeOf<[NextRequest]>();
  const answer = await GET(new NextRequest("https://app.example.com/api/goals"));
  expect(await answer.json()).toEqual(["/api/goals", "neon"]);
});

describe("a page of a signed-out user", () => {
  const redirect = (error: ProvisioningError) => {
    throw new Error(`redirected after ${error.code}`);
  };

  test("redirects, as the app's one function or this page's own decides", async () => {
    const { requireProvisioned } = provisioning(async () => null, redirect);
    await expect(requireProvisioned()).rejects.toThrow("redirected after unauthenticated");
    const own = () => Promise.reject(new Error("redirected elsewhere"));
    await expect(requireProvisioned({ onUnauthenticated: own })).rejects.toThrow("redirected elsewhere");
    expect(rollcall.calls).toHaveLength(0);
  });

  test("fails as without a redirect when the function returns", async () => {
    const { requireProvisioned } = provisioning(
      async () => ({ userId: null, getToken: async () => null }),
      () => undefined,
    );
    await expect(requireProvisioned()).rejects.toMatchObject({ digest: "rollcall:unauthenticated" });
  });

  test("is not the page of a signed-in user whose token is refused, who would be redirected for ever", async () => {
    rollcall.will(failure(401, "unauthenticated"));
    const { requireProvisioned } = provisioning(anasSession, redirect);
    await expect(requireProvisioned()).rejects.toMatchObject({ digest: "rollcall:unauthenticated" });
    expect(rollcall.calls).toHaveLength(1);
  });
});
