import "../testing/dom.ts";

import { QueryClient, QueryClientProvider, queryOptions } from "@tanstack/react-query";
import { Component, type ReactNode, StrictMode, Suspense } from "react";
import { renderToString } from "react-dom/server";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { useUserProvisioning } from "../react/use-user-provisioning.ts";
import {
  UserProvisioningProvider,
  type UserProvisioningProviderProps,
} from "../react/user-provisioning-provider.tsx";
import { createRollcallClient } from "../rollcall-client.ts";
import { type EnsureServer, failure, makeToken, ready, startEnsureServer } from "../testing/ensure-server.ts";
import { holdBack } from "../testing/hold-back.ts";
import { openPage, type Page } from "../testing/page.ts";
import { until } from "../testing/until.ts";
import { readQueryOwner } from "./query-scope.ts";
import { useAuthedMutation } from "./use-authed-mutation.ts";
import { useAuthedQuery, useAuthedSuspenseQuery } from "./use-authed-query.ts";

vi.setConfig({ testTimeout: 60_000 });

let server: EnsureServer;
let page: Page;
let queries: QueryClient;
beforeAll(async () => {
  server = await startEnsureServer();
});
beforeEach(() => {
  server.calls.length = 0;
  page = openPage();
  queries = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: 60_000 } } });
});
afterEach(() => {
  page.close();
  queries.clear();
});
afterAll(() => server.stop());

function App({ userId, ...props }: Partial<UserProvisioningProviderProps> & { userId: string | null }) {
  return (
    <StrictMode>
      <QueryClientProvider client={queries}>
        <UserProvisioningProvider
          client={createRollcallClient({ baseUrl: server.url, retryDelaysMs: [] })}
          auth={{ isLoaded: true, userId, getToken: async () => userId && makeToken(userId) }}
          healAfterMs={3_600_000}
          {...props}
        />
      </QueryClientProvider>
    </StrictMode>
  );
}

class Boundary extends Component<{ children: ReactNode }, { error?: Error }> {
  override state: { error?: Error } = {};
  static getDerivedStateFromError = (error: Error) => ({ error });
  override render() {
    return this.state.error ? `boundary: ${this.state.error.message}` : this.props.children;
  }
}

const goals = queryOptions({ queryKey: ["goals"], queryFn: async () => 16_000 });

describe("useAuthedSuspenseQuery", () => {
  function Goals(): ReactNode {
    const { data } = useAuthedSuspenseQuery(goals);
    expectTypeOf(data).toEqualTypeOf<number>();
    return `goal ${data}`;
  }
  const view = (
    <Boundary>
      <Suspense fallback="suspended">
        <Goals />
      </Suspense>
    </Boundary>
  );

  test("suspends until the profile and the answer are there", async () => {
    const { held, letGo } = holdBack();
    server.will(() => held.then(() => ready("user_a")));
    page.render(<App userId="user_a">{view}</App>);
    await page.untilText("suspended");
    expect(queries.getQueryCache().getAll()).toEqual([]);
    letGo();
    await page.untilText("goal 16000");
    expect(
      queries
        .getQueryCache()
        .getAll()
        .map(({ queryKey }) => readQueryOwner(queryKey)?.userId),
    ).toEqual(["user_a"]);
  });

  test("suspends while no user is signed in", async () => {
    server.will(ready("user_a"));
    page.render(<App userId={null}>{view}</App>);
    await page.untilText("suspended");
    page.render(<App userId="user_a">{view}</App>);
    await page.untilText("goal 16000");
  });

  test("throws the error of a profile that could not be made", async () => {
    const quiet = vi.spyOn(console, "error").mockImplementation(() => undefined);
    server.will(failure(403, "user.banned"));
    page.render(<App userId="user_a">{view}</App>);
    await page.untilText("boundary: Sentence of user.banned.");
    quiet.mockRestore();
  });

  test("leaves the part to the browser on a server that has no session", () => {
    const { document: page } = globalThis;
    vi.stubGlobal("document", undefined);
    try {
      expect(renderToString(<App userId="user_a">{view}</App>)).toContain("suspended");
    } finally {
      vi.stubGlobal("document", page);
    }
  });
});

describe("useAuthedMutation", () => {
  const saved: string[] = [];
  function Save(): ReactNode {
    const { mutate, data, error } = useAuthedMutation({
      mutationFn: async (goal: string) => {
        saved.push(goal);
        return `saved ${goal}`;
      },
    });
    expectTypeOf(data).toEqualTypeOf<string | undefined>();
    return (
      <>
        {useUserProvisioning().userId ?? "no user"}: {data ?? error?.message ?? "waiting"}
        <button type="button" onClick={() => mutate("x")}>
          save
        </button>
      </>
    );
  }
  const show = (userId: string | null) =>
    page.render(
      <App userId={userId}>
        <Save />
      </App>,
    );
  beforeEach(() => {
    saved.length = 0;
  });

  /** Presses as early as a person could after a change: before React runs the effects that follow it. */
  const pressSaveOnce = (shown: string) =>
    new Promise<void>((resolve) => {
      new window.MutationObserver((_, observer) => {
        if (!page.text().includes(shown)) return;
        observer.disconnect();
        page.press("save");
        resolve();
      }).observe(document.body, { childList: true, characterData: true, subtree: true });
    });

  test("waits for the profile", async () => {
    const { held, letGo } = holdBack();
    server.will(() => held.then(() => ready("user_a")));
    show("user_a");
    await until("the call", () => server.calls[0]);
    page.press("save");
    await page.untilText("waiting");
    expect(saved).toEqual([]);
    letGo();
    await page.untilText("saved x");
    expect(saved).toEqual(["x"]);
  });

  test("fails with the error of the profile, and without a user", async () => {
    server.will(failure(403, "user.banned"));
    show("user_a");
    await until("the call", () => server.calls[0]);
    page.press("save");
    await page.untilText("Sentence of user.banned.");
    const change = pressSaveOnce("no user:");
    show(null);
    await change;
    await page.untilText("Entre na sua conta para continuar.");
    expect(saved).toEqual([]);
  });

  test("waits for the next user's profile, also right after the previous user left", async () => {
    server.will(ready("user_a"));
    show("user_a");
    await page.untilText("user_a:");
    await until("A's profile", () => (server.calls.length > 0 ? true : undefined));
    page.press("save");
    await page.untilText("saved x");
    server.will(failure(403, "user.banned"));
    const change = pressSaveOnce("user_b:");
    show("user_b");
    await change;
    await page.untilText("Sentence of user.banned.");
    expect(saved).toEqual(["x"]);
  });

  test("of a user who left does not run for the next user", async () => {
    server.will("hang");
    show("user_a");
    await until("A's call", () => server.calls[0]);
    page.press("save");
    server.will(ready("user_b"));
    show("user_b");
    await page.untilText("A espera foi cancelada.");
    expect(saved).toEqual([]);
  });
});

describe("initialData", () => {
  test("narrows the type of data", () => {
    function Typed(): ReactNode {
      expectTypeOf(useAuthedQuery({ ...goals, initialData: 5 }).data).toEqualTypeOf<number>();
      expectTypeOf(useAuthedQuery(goals).data).toEqualTypeOf<number | undefined>();
      expectTypeOf(useAuthedQuery({ ...goals, select: (goal) => `R$ ${goal}` }).data).toEqualTypeOf<
        string | undefined
      >();
      return null;
    }
    expect(Typed).toBeTypeOf("function");
  });
});

describe("clearOnUserChange", () => {
  function Goals(): ReactNode {
    return `goal ${useAuthedQuery(goals).data}`;
  }
  const show = (userId: string | null, clearOnUserChange?: boolean) =>
    page.render(
      <App userId={userId} clearOnUserChange={clearOnUserChange}>
        <Goals />
      </App>,
    );
  const isThere = () => queries.getQueryData(["of the app itself"]) !== undefined;

  test.each([true, undefined])("%s decides about the app's other queries", async (clear) => {
    server.will(({ token }) => ready(token === makeToken("user_a") ? "user_a" : "user_b"));
    show("user_a", clear);
    await page.untilText("goal 16000");
    queries.setQueryData(["of the app itself"], "of A");
    show("user_a", clear);
    expect(isThere()).toBe(true);
    show(null, clear);
    await page.untilText("goal undefined");
    // React runs effects after the text is there.
    await expect.poll(isThere).toBe(!clear);
  });

  test("also sees a user who changed while the provider was away", async () => {
    server.will(({ token }) => ready(token === makeToken("user_a") ? "user_a" : "user_b"));
    show("user_a", true);
    await page.untilText("goal 16000");
    queries.setQueryData(["of the app itself"], "of A");
    page.render("signed out");
    await page.untilText("signed out");
    show("user_b", true);
    await page.untilText("goal 16000");
    await expect.poll(isThere).toBe(false);
  });
});
