import { type ReactNode, StrictMode } from "react";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createRollcallClient, type RollcallClient } from "../rollcall-client.ts";
import { document } from "../testing/dom.ts";
import {
  type EnsureServer,
  failure,
  makeToken,
  pending,
  ready,
  startEnsureServer,
} from "../testing/ensure-server.ts";
import { holdBack } from "../testing/hold-back.ts";
import { openPage, type Page } from "../testing/page.ts";
import { until } from "../testing/until.ts";
import { type UserProvisioning, useUserProvisioning } from "./use-user-provisioning.ts";
import { UserProvisioningProvider } from "./user-provisioning-provider.tsx";

vi.setConfig({ testTimeout: 60_000 });

let server: EnsureServer;
const pages: Page[] = [];
beforeAll(async () => {
  server = await startEnsureServer();
});
beforeEach(() => {
  server.calls.length = 0;
  seen.length = 0;
});
afterEach(() => {
  for (const page of pages.splice(0)) page.close();
});
afterAll(() => server.stop());

/** Each text that a render showed, in order. */
const seen: UserProvisioning[] = [];

function Story(): ReactNode {
  const provisioning = useUserProvisioning();
  seen.push(provisioning);
  const { status, user, error, retry } = provisioning;
  return (
    <>
      {status} {user?.name} {error?.code}
      <button type="button" onClick={retry}>
        retry
      </button>
    </>
  );
}

function createClient(retryDelaysMs: readonly number[] = []): RollcallClient {
  return createRollcallClient({ baseUrl: server.url, retryDelaysMs });
}

type Setting = { client?: RollcallClient; healAfterMs?: number; page?: Page };

/** A page on which users sign in and out. */
function openStory({ client = createClient(), healAfterMs = 3_600_000, page = openPage() }: Setting = {}) {
  if (!pages.includes(page)) pages.push(page);
  const signIn = (userId: string | null, isLoaded = true) =>
    page.render(
      <StrictMode>
        <UserProvisioningProvider
          client={client}
          auth={{ isLoaded, userId, getToken: async () => (userId ? makeToken(userId) : null) }}
          healAfterMs={healAfterMs}
        >
          <Story />
        </UserProvisioningProvider>
      </StrictMode>,
    );
  return { ...page, signIn };
}

const byToken = ({ token }: { token: string }) =>
  ready(["user_a", "user_b"].find((userId) => makeToken(userId) === token) ?? "user_missing");

describe("a sign-in", () => {
  test("goes from unprovisioned by provisioning to provisioned, with one call, though StrictMode mounts twice", async () => {
    server.will(ready("user_a", { created: true }));
    const story = openStory();
    story.signIn("user_a");
    await story.untilText("provisioned user_a");
    const statuses = seen.map(({ status }) => status).filter((status, n, all) => status !== all[n - 1]);
    expect(statuses).toEqual(["unprovisioned", "provisioning", "provisioned"]);
    expect(seen.at(-1)).toMatchObject({ userId: "user_a", created: true, welcome: true, stale: false });
    expect(seen.at(-1)?.mentorado?.nomeCompleto).toBe("Profile of user_a");
    expect(server.calls).toHaveLength(1);
  });

  test("that is not loaded yet makes no call", async () => {
    const story = openStory();
    story.signIn("user_a", false);
    await story.untilText("unprovisioned");
    expect(seen.at(-1)).toMatchObject({ isLoaded: false, userId: null });
    server.will(byToken);
    story.signIn("user_a");
    await story.untilText("provisioned user_a");
    expect(server.calls).toHaveLength(1);
  });

  test("makes one call although client and auth are new in each render", async () => {
    const { held, letGo } = holdBack();
    server.will((call) => held.then(() => byToken(call)));
    const page = openPage();
    for (let render = 0; render < 5; render++) {
      const before = seen.length;
      openStory({ client: createClient(), page }).signIn("user_a");
      await until("a render and the call", () => (seen.length > before && server.calls[0]) || undefined);
    }
    letGo();
    await page.untilText("provisioned user_a");
    expect(server.calls).toHaveLength(1);
  });

  test("shows the next attempt and the error of the last one", async () => {
    const { held, letGo } = holdBack();
    server.will(pending, () => held.then(() => ready("user_a")));
    const story = openStory({ client: createClient([1]) });
    story.signIn("user_a");
    await until("a retry", () =>
      seen.find((state) => state.status === "provisioning" && state.attempt === 2),
    );
    expect(seen.at(-1)).toMatchObject({ attempt: 2, retryingInMs: expect.any(Number), error: null });
    letGo();
    await story.untilText("provisioned user_a");
    expect(seen.at(-1)).toMatchObject({ created: true });
  });
});

describe("a failure", () => {
  test("ends in unprovisioned with its error; after retry() the error is still set", async () => {
    const { held, letGo } = holdBack();
    server.will(failure(503, "postgres.unavailable"), () => held.then(() => ready("user_a")));
    const story = openStory();
    story.signIn("user_a");
    await story.untilText("unprovisioned  postgres.unavailable");
    story.press("retry");
    await story.untilText("provisioning  postgres.unavailable");
    story.press("retry");
    letGo();
    await story.untilText("provisioned user_a");
    expect(seen.at(-1)).toMatchObject({ error: null });
    expect(server.calls).toHaveLength(2);
  });

  test("that is retryable is tried again by itself", async () => {
    server.will(failure(503), failure(503), failure(503), ready("user_a"));
    const story = openStory({ healAfterMs: 1 });
    story.signIn("user_a");
    await story.untilText("provisioned user_a");
    expect(server.calls).toHaveLength(4);
  });

  test.each([
    ["the network is back", () => window.dispatchEvent(new window.Event("online"))],
    ["the page becomes visible", () => document.dispatchEvent(new window.Event("visibilitychange"))],
  ])("is tried again at once when %s", async (_, happen) => {
    server.will(failure(503), ready("user_a"));
    const story = openStory();
    story.signIn("user_a");
    await story.untilText("unprovisioned  internal");
    happen();
    await story.untilText("provisioned user_a");
  });

  test("that is not retryable waits for a person", async () => {
    server.will(failure(403, "user.banned"), ready("user_a"));
    const story = openStory({ healAfterMs: 1 });
    story.signIn("user_a");
    await story.untilText("unprovisioned  user.banned");
    window.dispatchEvent(new window.Event("online"));
    expect(story.text()).toContain("unprovisioned  user.banned");
    story.press("retry");
    await story.untilText("provisioned user_a");
    expect(server.calls).toHaveLength(2);
  });
});

describe("a change of user", () => {
  test("A signs out and B signs in while A's answer is late: no render ever shows A to B", async () => {
    const { held, letGo } = holdBack();
    server.will((call) =>
      call.token === makeToken("user_a") ? held.then(() => byToken(call)) : byToken(call),
    );
    const story = openStory();
    story.signIn("user_a");
    await until("A's call", () => server.calls[0]);
    story.signIn(null);
    story.signIn("user_b");
    await story.untilText("provisioned user_b");
    letGo();
    await until("the end of A's call", () => server.calls[0]?.closed() || undefined);
    expect(story.text()).toContain("provisioned user_b");
    expectOwnOnly();
  });

  test("a late answer is also dropped by its number, if a client cannot be aborted", async () => {
    const { held, letGo } = holdBack();
    const answers: string[] = [];
    const deaf: RollcallClient = {
      locale: "en",
      profile: "mentorado",
      async ensure({ userId = "" } = {}) {
        if (userId === "user_a") await held;
        const answer = await createClient().ensure({ userId, token: makeToken(userId) });
        answers.push(userId);
        return answer;
      },
    };
    server.will(byToken);
    const story = openStory({ client: deaf });
    story.signIn("user_a");
    await story.untilText("provisioning");
    story.signIn("user_b");
    await story.untilText("provisioned user_b");
    letGo();
    await until("A's late answer", () => answers.includes("user_a") || undefined);
    const renders = seen.length;
    story.signIn("user_b");
    await until("a render after it", () => seen.length > renders || undefined);
    expect(story.text()).toContain("provisioned user_b");
    expectOwnOnly();
  });

  test("while A is provisioned shows B as unprovisioned in the first render for B", async () => {
    server.will(byToken);
    const story = openStory();
    story.signIn("user_a");
    await story.untilText("provisioned user_a");
    seen.length = 0;
    story.signIn("user_b");
    await story.untilText("provisioned user_b");
    expect(seen[0]).toMatchObject({ status: "unprovisioned", userId: "user_b", user: null, error: null });
    expectOwnOnly();
  });

  test("does not show A's failure to B", async () => {
    server.will(failure(403, "user.banned"), byToken);
    const story = openStory();
    story.signIn("user_a");
    await story.untilText("user.banned");
    story.signIn("user_b");
    await story.untilText("provisioned user_b");
    expect(seen.filter(({ userId, error }) => userId !== "user_a" && error)).toEqual([]);
  });

  test("ten fast sign-ins and sign-outs leave no call, no late answer and no stale state", async () => {
    const { held, letGo } = holdBack();
    server.will((call) => held.then(() => byToken(call)));
    const story = openStory();
    for (let cycle = 0; cycle < 10; cycle++) {
      story.signIn(cycle % 2 ? "user_b" : "user_a");
      await until("a call", () => server.calls[cycle]);
      story.signIn(null);
      await until("its end", () => server.calls[cycle]?.closed() || undefined);
    }
    letGo();
    await story.untilText("unprovisioned");
    expect(seen.at(-1)).toMatchObject({ status: "unprovisioned", userId: null, user: null, error: null });
    server.will(byToken);
    story.signIn("user_a");
    await story.untilText("provisioned user_a");
    expectOwnOnly();
    expect(server.calls).toHaveLength(11);
  });
});

test("leaving the page ends a call in flight", async () => {
  server.will("hang");
  const story = openStory();
  story.signIn("user_a");
  const call = await until("a call", () => server.calls[0]);
  story.close();
  await until("its end", () => call.closed() || undefined);
});

describe("several tabs", () => {
  test("the success of one tab lets the other tab try again", async () => {
    server.will(failure(503, "queue.unavailable"), ready("user_a"));
    const [first, second] = [openStory(), openStory()];
    first.signIn("user_a");
    await first.untilText("queue.unavailable");
    second.signIn("user_a");
    await second.untilText("provisioned user_a");
    await first.untilText("provisioned user_a");
    expect(server.calls).toHaveLength(3);
  });

  test("a welcome dismissed in one tab is dismissed in the other, and another user's welcome is not", async () => {
    server.will((call) => ({ ...byToken(call), body: { ...Object(byToken(call).body), created: true } }));
    const [first, second, third] = [openStory(), openStory(), openStory()];
    first.signIn("user_a");
    second.signIn("user_a");
    third.signIn("user_b");
    for (const story of [first, second]) await story.untilText("provisioned user_a");
    await third.untilText("provisioned user_b");
    const latest = (userId: string) => seen.filter((state) => state.userId === userId);
    latest("user_a").at(-1)?.dismissWelcome();
    await until("no welcome", () => {
      const shown = latest("user_a").filter((state) => state.status === "provisioned");
      return shown.filter((state) => !state.welcome).length >= 2 || undefined;
    });
    expect(latest("user_b").at(-1)).toMatchObject({ welcome: true });
  });
});

/** No render showed the profile of another user. */
function expectOwnOnly(): void {
  expect(seen.filter(({ userId, user }) => user && user.clerkId !== userId)).toEqual([]);
}
