import { createElement, type ReactNode } from "react";
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, test } from "vitest";
import { createProvisioning } from "./next.ts";
import { ProvisioningGate } from "./react/provisioning-gate.tsx";
import { type UserProvisioning, useUserProvisioning } from "./react/use-user-provisioning.ts";
import { UserProvisioningProvider } from "./react/user-provisioning-provider.tsx";
import { createRollcallClient, type RollcallClientOptions } from "./rollcall-client.ts";
import { type Identity, provision } from "./server/provision.ts";
import "./testing/dom.ts";
import { type EnsureServer, makeToken, ready, startEnsureServer } from "./testing/ensure-server.ts";
import { openPage } from "./testing/page.ts";
import { provisioned } from "./trpc.ts";
import type { Mentorado, User } from "./wire.ts";

type Member = { id: string; userId: string | null; displayName: string };

const member: Member = { id: "3f1c", userId: "9a2b", displayName: "Ana" };

let server: EnsureServer;
beforeAll(async () => {
  server = await startEnsureServer();
});
beforeEach(() => {
  server.calls.length = 0;
  server.will(answer({ member }));
});
afterAll(() => server.stop());

/** The api's answer under a mapping whose users have text keys. */
function answer(profile: object) {
  const { body, ...rest } = ready("user_ana");
  const { mentorado: _, user, ...others } = body as { mentorado: unknown; user: User };
  return { ...rest, body: { ...others, user: { ...user, id: "9a2b" }, ...profile } };
}

const options = () => ({
  baseUrl: server.url,
  retryDelaysMs: [],
  getToken: async () => makeToken("user_ana"),
});
const connect = () => createRollcallClient<Member, string, "member">({ ...options(), profile: "member" });
const ana: Identity = { userId: "user_ana", getToken: async () => makeToken("user_ana") };

describe("a profile with another name", () => {
  test("is in the client's answer under that name, with the app's types", async () => {
    const found = await connect().ensure();
    expect(found).toMatchObject({ user: { id: "9a2b" }, member, created: false });
    expect(found).not.toHaveProperty("mentorado");
    expectTypeOf(found.member).toEqualTypeOf<Member | null>();
    expectTypeOf(found.user).toEqualTypeOf<User<string>>();
    expectTypeOf(found).not.toHaveProperty("mentorado");
  });

  test("is null for an admin, and an answer without the key is none", async () => {
    server.will(answer({ member: null }));
    expect((await connect().ensure()).member).toBeNull();
    server.will(answer({ mentorado: member }));
    await expect(connect().ensure()).rejects.toMatchObject({ code: "invalid_answer" });
  });

  test("keeps the default's name and key where only the profile's type is given", async () => {
    server.will(ready("user_ana"));
    const client = createRollcallClient<{ plan: string }>(options());
    const { mentorado, user } = await client.ensure();
    expectTypeOf(mentorado).toEqualTypeOf<{ plan: string } | null>();
    expectTypeOf(user.id).toEqualTypeOf<number>();
    expectTypeOf(createRollcallClient(options()).ensure).returns.resolves.toHaveProperty("mentorado");
    expectTypeOf(createRollcallClient(options()).profile).toEqualTypeOf<"mentorado">();
  });

  test("must be named where the types name it", () => {
    expectTypeOf<RollcallClientOptions<"member">>().toHaveProperty("profile").toEqualTypeOf<"member">();
    expectTypeOf<RollcallClientOptions<never>>().toHaveProperty("profile").toEqualTypeOf<null>();
    // @ts-expect-error: an answer has the key that the option names.
    createRollcallClient<Member, string, "member">(options());
  });

  test("is attached by the middleware under that name, from Rollcall's answer and from the app's rows", async () => {
    const user = { id: "9a2b", clerkId: "user_ana", banned: false, deletedAt: null, plan: "pro" };
    const fromRollcall = await provision<User<string>, Member, "member">({ client: connect() }, ana);
    expect(fromRollcall).toMatchObject({ user: { clerkId: "user_ana" }, member });
    expectTypeOf(fromRollcall.member).toEqualTypeOf<Member>();

    const find = async () => ({ user, member, secret: 1 });
    const next = createProvisioning<typeof user, Member, "member">({
      client: connect(),
      identify: () => ana,
      find,
    });
    expect((await next.requireProvisioned()).member).toBe(member);

    const trpc = provisioned<{ auth: Identity }, typeof user, Member, "member">({
      client: connect(),
      identify: ({ auth }) => auth,
      find,
    });
    let attached: unknown;
    const call = {
      ctx: { auth: ana },
      signal: undefined,
      next: async ({ ctx }: { ctx: object }) => (attached = ctx),
    };
    await (trpc as unknown as (options: typeof call) => Promise<unknown>)(call);
    expect(attached).toEqual({ user, member });
  });

  test("that belongs to another user is refused with its name", async () => {
    const warnings: string[] = [];
    const user = { id: "other", clerkId: "user_ana", banned: false, deletedAt: null };
    const find = async () => ({ user, member });
    const refused = provision<typeof user, Member, "member">(
      { client: connect(), find, warn: (problem) => warnings.push(problem) },
      ana,
    );
    await expect(refused).rejects.toMatchObject({ code: "unavailable" });
    expect(warnings).toEqual([expect.stringContaining("member.userId is not user.id")]);
  });

  test("reaches components and the welcome under that name", async () => {
    const states: UserProvisioning<Member, string, "member">[] = [];
    function Name(): ReactNode {
      const state = useUserProvisioning<Member, string, "member">();
      states.push(state);
      expectTypeOf(state.member).toEqualTypeOf<Member | null>();
      return state.member?.displayName ?? "";
    }
    server.will(answer({ member, created: true }));
    const page = openPage();
    const gate = createElement(
      ProvisioningGate<Member, string, "member">,
      { welcome: ({ member: made }) => `Hello ${made?.displayName}! ` },
      createElement(Name),
    );
    const auth = { isLoaded: true, ...ana };
    page.render(
      createElement(UserProvisioningProvider, { client: connect(), auth }, createElement(Name), gate),
    );
    await page.untilText("AnaHello Ana! Ana");
    page.close();
    expect(states[0]).toMatchObject({ user: null, member: null });
  });
});

describe("an app without profiles", () => {
  const connectWithout = () => createRollcallClient<never, string, never>({ ...options(), profile: null });

  test("gets the user alone", async () => {
    server.will(answer({}));
    const found = await connectWithout().ensure();
    expect(Object.keys(found).sort()).toEqual(["created", "stale", "user"]);
    expectTypeOf(found.user.id).toEqualTypeOf<string>();
  });

  test("lets its users pass the middleware, and refuses banned and deleted ones", async () => {
    const user = { id: "user_ana", clerkId: "user_ana", banned: false, deletedAt: null };
    const pass = (row: object) =>
      provision<typeof user, Mentorado, never>(
        { client: connectWithout(), find: async () => ({ user: { ...user, ...row } }) },
        ana,
      );
    expect(await pass({})).toEqual({ user });
    await expect(pass({ banned: true })).rejects.toMatchObject({ code: "user.banned" });
    await expect(pass({ deletedAt: new Date() })).rejects.toMatchObject({ code: "user.deleted" });
    server.will(answer({}));
    const { client } = { client: connectWithout() };
    expect(await provision<User<string>, Mentorado, never>({ client }, ana)).toEqual({
      user: expect.objectContaining({ clerkId: "user_ana" }),
    });
  });
});
