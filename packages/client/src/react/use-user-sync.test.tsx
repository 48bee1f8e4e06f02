import "../testing/dom.ts";

import type { UseAuthReturn, UseUserReturn } from "@clerk/shared/types";
import type { ReactNode } from "react";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { createRollcallClient } from "../rollcall-client.ts";
import { type EnsureServer, failure, makeToken, ready, startEnsureServer } from "../testing/ensure-server.ts";
import { openPage, type Page } from "../testing/page.ts";
import { until } from "../testing/until.ts";
import type { Auth } from "./provisioning-context.ts";
import { type UserSync, useUserSync } from "./use-user-sync.ts";
import { UserProvisioningProvider } from "./user-provisioning-provider.tsx";

vi.setConfig({ testTimeout: 60_000 });

let server: EnsureServer;
let page: Page;
const seen: UserSync<{ id: string }>[] = [];
beforeAll(async () => {
  server = await startEnsureServer();
});
beforeEach(() => {
  page = openPage();
  seen.length = 0;
  server.calls.length = 0;
});
afterEach(() => page.close());
afterAll(() => server.stop());

function Consumer(): ReactNode {
  const sync = useUserSync();
  seen.push(sync);
  return sync.user?.id;
}

function show(auth: Omit<Auth, "getToken">): void {
  page.render(
    <UserProvisioningProvider
      client={createRollcallClient({ baseUrl: server.url, retryDelaysMs: [] })}
      auth={{ ...auth, getToken: async () => makeToken(auth.user?.id ?? auth.userId ?? "user_missing") }}
      healAfterMs={1}
    >
      <Consumer />
      <Consumer />
      <Consumer />
    </UserProvisioningProvider>,
  );
}

test("syncs once per signed-in user, for any number of components", async () => {
  server.will(({ token }) => ready(token === makeToken("user_a") ? "user_a" : "user_b"));
  show({ isLoaded: true, userId: "user_a" });
  await until("the first sync", () => server.calls[0]);
  for (let render = 0; render < 3; render++) show({ isLoaded: true, userId: "user_a" });
  show({ isLoaded: true, userId: "user_b" });
  await until("the second user's sync", () =>
    server.calls.find(({ token }) => token === makeToken("user_b")),
  );
  expect(server.calls.map(({ token }) => token)).toEqual([makeToken("user_a"), makeToken("user_b")]);
});

test("a failed sync is repeated", async () => {
  server.will(failure(503), failure(503), ready("user_a"));
  show({ isLoaded: true, userId: "user_a" });
  await until("the third try", () => server.calls[2]);
});

test("answers as Clerk's useUser does: not loaded, signed out, signed in", async () => {
  server.will(({ token }) => ready(token === makeToken("user_a") ? "user_a" : "user_b"));
  const user = { id: "user_a", firstName: "Ada" };
  show({ isLoaded: false });
  await until("not loaded", () => seen.find(({ isLoaded }) => !isLoaded));
  show({ isLoaded: true, user: null });
  await until("signed out", () => seen.find(({ isSignedIn }) => isSignedIn === false));
  show({ isLoaded: true, user });
  const signedIn = await until("signed in", () => seen.find(({ isSignedIn }) => isSignedIn));
  expect(signedIn.user).toBe(user);
  expect(seen).toContainEqual({ isLoaded: false, isSignedIn: undefined, user: undefined });
  expect(seen).toContainEqual({ isLoaded: true, isSignedIn: false, user: null });
});

describe("types", () => {
  test("the results of Clerk's hooks fit as auth of the provider", () => {
    expectTypeOf<UseAuthReturn>().toExtend<Auth>();
    expectTypeOf<UseUserReturn>().toExtend<Auth>();
  });

  test("the result of useUser is returned unchanged", () => {
    const sync = (user: UseUserReturn) => useUserSync(user);
    expectTypeOf(sync).returns.toEqualTypeOf<UseUserReturn>();
  });

  test("without it, isLoaded and isSignedIn narrow the type as with Clerk's hook", () => {
    expectTypeOf<Extract<UserSync<{ id: string }>, { isSignedIn: true }>["user"]>().toEqualTypeOf<{
      id: string;
    }>();
    expectTypeOf<UserSync<{ id: string }>["isSignedIn"]>().toEqualTypeOf<UseUserReturn["isSignedIn"]>();
  });
});
