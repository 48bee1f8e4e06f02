import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createTRPCClient, httpBatchLink, type TRPCClientError } from "@trpc/client";
import { initTRPC } from "@trpc/server";
import { createHTTPServer } from "@trpc/server/adapters/standalone";
import { afterEach, beforeEach, expect, expectTypeOf, test } from "vitest";
import { createRollcallClient } from "./rollcall-client.ts";
import {
  type Behaviour,
  type EnsureServer,
  failure,
  ready,
  readyIn,
  startEnsureServer,
} from "./testing/ensure-server.ts";
import { type Identity, ProvisioningError, provisioned } from "./trpc.ts";
import type { Mentorado, User } from "./wire.ts";

type Context = { auth: Identity | null; requestId: string };

const t = initTRPC.context<Context>().create({
  errorFormatter: ({ shape, error }) => ({
    ...shape,
    data: { ...shape.data, reason: error.cause instanceof ProvisioningError ? error.cause.code : null },
  }),
});

let rollcall: EnsureServer;
let app: ReturnType<typeof createHTTPServer>;
let router: ReturnType<typeof createRouter>;
beforeEach(async () => {
  rollcall = await startEnsureServer();
  router = createRouter(rollcall.url);
  app = createHTTPServer({ router, createContext: ({ req }) => readContext(req.headers.authorization) });
  await once(app.listen(0, "127.0.0.1"), "listening");
});
afterEach(async () => {
  app.closeAllConnections();
  app.close();
  await rollcall.stop();
});

/** Replaces the verification of session tokens in an app. */
function readContext(authorization: string | undefined): Context {
  const userId = authorization?.replace("Bearer token of ", "");
  const auth = userId ? { userId, getToken: async () => `token of ${userId}` } : null;
  return { auth, requestId: "r1" };
}

function createRouter(baseUrl: string) {
  const client = createRollcallClient({ baseUrl, retryDelaysMs: [] });
  const mentoradoProcedure = t.procedure.use(provisioned({ client, identify: (ctx: Context) => ctx.auth }));
  const find = async (clerkId: string) => ({
    user: { clerkId, banned: clerkId === "user_banned", deletedAt: null, since: new Date(0) },
    mentorado: { level: 3 },
  });
  const knownProcedure = t.procedure
    .use(({ ctx, next }) => next({ ctx: { ...ctx, tenant: "t1" } }))
    .use(provisioned({ client, find, identify: async (ctx: Context) => ctx.auth }));
  return t.router({
    whoami: mentoradoProcedure.query(({ ctx }) => {
      expectTypeOf(ctx.user).toEqualTypeOf<User>();
      expectTypeOf(ctx.mentorado).toEqualTypeOf<Mentorado>();
      expectTypeOf(ctx.requestId).toEqualTypeOf<string>();
      const { user, mentorado, organization, requestId } = ctx;
      return [user.clerkId, mentorado.nomeCompleto, requestId, ...(organization ? [organization.role] : [])];
    }),
    level: knownProcedure.query(({ ctx }) => {
      expectTypeOf(ctx.user.since).toEqualTypeOf<Date>();
      expectTypeOf(ctx.mentorado).toEqualTypeOf<{ level: number }>();
      expectTypeOf(ctx.tenant).toEqualTypeOf<string>();
      return ctx.mentorado.level;
    }),
  });
}

function callAs(userId?: string) {
  const { port } = app.address() as AddressInfo; // It listens on TCP.
  const headers = userId === undefined ? {} : { authorization: `Bearer token of ${userId}` };
  return createTRPCClient<typeof router>({
    links: [httpBatchLink({ url: `http://127.0.0.1:${port}`, headers })],
  });
}

type Failure = TRPCClientError<typeof router>;
const failureOf = (call: Promise<unknown>): Promise<Failure> =>
  call.then(
    () => Promise.reject(new Error("The caller was not refused")),
    (error: Failure) => error,
  );

test("a procedure has user and profile in its context, beside the existing values", async () => {
  rollcall.will(ready("user_ana"));
  expect(await callAs("user_ana").whoami.query()).toEqual(["user_ana", "Profile of user_ana", "r1"]);
  rollcall.will(readyIn("user_ana", "org_a"));
  expect(await callAs("user_ana").whoami.query()).toContain("org:admin");
});

test("a user in the app's database is served while Rollcall is down", async () => {
  await rollcall.stop();
  expect(await callAs("user_ana").level.query()).toBe(3);
});

test("the procedures of a batch ask Rollcall once", async () => {
  rollcall.will(ready("user_ana"));
  const trpc = callAs("user_ana");
  await Promise.all([1, 2, 3, 4, 5].map(() => trpc.whoami.query()));
  expect(rollcall.calls.map(({ token }) => token)).toEqual(["token of user_ana"]);
});

const failures: [code: string, httpStatus: number, reason: string, answer: Behaviour][] = [
  ["FORBIDDEN", 403, "no_profile", ready("user_ana", { mentorado: null })],
  ["FORBIDDEN", 403, "user.deleted", failure(410, "user.deleted")],
  ["FORBIDDEN", 403, "organization.not_a_member", failure(403, "organization.not_a_member")],
  ["UNAUTHORIZED", 401, "unauthenticated", failure(401, "unauthenticated")],
  ["SERVICE_UNAVAILABLE", 503, "unavailable", failure(503, "queue.unavailable")],
];
test.each(failures)("a caller without a profile gets %s", async (code, httpStatus, reason, answer) => {
  rollcall.will(answer);
  const { data } = await failureOf(callAs("user_ana").whoami.query());
  expect(data).toMatchObject({ code, httpStatus, reason });
});

test("a caller without a session is UNAUTHORIZED and a banned user is FORBIDDEN, with a message in Portuguese", async () => {
  const anonymous = await failureOf(callAs().whoami.query());
  expect([anonymous.data?.code, anonymous.message]).toEqual([
    "UNAUTHORIZED",
    "Entre na sua conta para continuar.",
  ]);
  const banned = await failureOf(callAs("user_banned").level.query());
  expect([banned.data?.code, banned.message]).toEqual(["FORBIDDEN", "Esta conta está bloqueada."]);
});

test("a context without an identity does not compile", () => {
  const client = createRollcallClient({ baseUrl: rollcall.url });
  const bare = initTRPC.context<{ requestId: string }>().create();
  // @ts-expect-error: there is no auth in this context
  bare.procedure.use(provisioned({ client, identify: (ctx: Context) => ctx.auth }));
});
