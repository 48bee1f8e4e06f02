import { type ReactNode, useId, useState } from "react";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Locale } from "../locale.ts";
import { createRollcallClient } from "../rollcall-client.ts";
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
import type { EnsureReady } from "../wire.ts";
import { ProvisioningGate, type ProvisioningGateProps } from "./provisioning-gate.tsx";
import { UserProvisioningProvider } from "./user-provisioning-provider.tsx";

vi.setConfig({ testTimeout: 60_000 });

let server: EnsureServer;
let page: Page;
beforeAll(async () => {
  server = await startEnsureServer();
});
beforeEach(() => {
  page = openPage();
});
afterEach(() => page.close());
afterAll(() => server.stop());

type Setting = { userId?: string | null; isLoaded?: boolean; locale?: Locale; retryDelaysMs?: number[] };

function show(props: ProvisioningGateProps = {}, setting: Setting = {}): void {
  const { userId = "user_a", isLoaded = true, locale, retryDelaysMs = [] } = setting;
  page.render(
    <UserProvisioningProvider
      client={createRollcallClient({ baseUrl: server.url, locale, retryDelaysMs })}
      auth={{ isLoaded, userId, getToken: async () => makeToken(userId ?? "user_missing") }}
      healAfterMs={3_600_000}
    >
      <ProvisioningGate {...props}>{props.children ?? <Dashboard />}</ProvisioningGate>
    </UserProvisioningProvider>,
  );
}

function Dashboard(): ReactNode {
  return <h1>Dashboard</h1>;
}

describe("the page behind the gate", () => {
  test("is shown after the profile exists, and not before", async () => {
    server.will("hang");
    show();
    await page.untilText("Preparando seu perfil…");
    expect(page.text()).not.toContain("Dashboard");
    page.close();
    page = openPage();
    server.will(ready("user_a"));
    show();
    await page.untilText("Dashboard");
    expect(page.text()).toBe("Dashboard");
  });

  test("is not shown while no user is signed in; another slot may be shown", async () => {
    show({ signedOut: "Please sign in" }, { userId: null });
    await page.untilText("Please sign in");
    expect(page.text()).toBe("Please sign in");
  });

  test("is not shown while the signed-in user is not known", async () => {
    show({ signedOut: "Please sign in" }, { isLoaded: false });
    await page.untilText("Preparando seu perfil…");
    expect(page.text()).not.toContain("Please sign in");
  });
});

describe("loading", () => {
  test("is announced, and the text changes when it takes longer", async () => {
    server.will(pending, "hang");
    show({}, { retryDelaysMs: [1], locale: "en" });
    await page.untilText("This takes longer than usual. Trying again…");
    expect(page.find("[role=status]")?.textContent).toBe("This takes longer than usual. Trying again…");
  });

  test("may be the app's own, and is announced too", async () => {
    server.will("hang");
    show({ loading: <b>One moment</b> });
    await page.untilText("One moment");
    expect(page.find("[role=status]")?.textContent).toBe("One moment");
  });
});

describe("an error", () => {
  test("is announced with the message for people, a retry button and a support link, and without technical details", async () => {
    server.will(failure(503, "postgres.unavailable"));
    show({ supportUrl: "https://example.com/help" });
    await page.untilText("Tentar de novo");
    const said = "Seu perfil não está disponível agoraSentence of postgres.unavailable.";
    expect(page.find("[role=alert]")?.textContent).toBe(said);
    expect(page.text()).toBe(`${said}Tentar de novo Falar com o suporte`);
    expect(page.find("a")?.getAttribute("href")).toBe("https://example.com/help");
    expect(page.text()).not.toMatch(/req_1|503|Error/);
  });

  test("shows no support link without a URL, and its texts are also in English", async () => {
    server.will(failure(503));
    show({}, { locale: "en" });
    await page.untilText("Try again");
    expect(page.text()).toContain("Your profile is not available now");
    expect(page.find("a")).toBeNull();
  });

  test("stays during a new attempt, keeps the focus, and passes it on when the page is shown", async () => {
    const { held, letGo } = holdBack();
    server.will(failure(503), () => held.then(() => ready("user_a")));
    show({}, { locale: "en" });
    await page.untilText("Try again");
    const alert = page.find("[role=alert]");
    const said = alert?.textContent;
    page.press("Try again");
    await page.untilText("Trying again…");
    // The announced text did not change, so it is not announced again.
    expect([page.find("[role=alert]") === alert, alert?.textContent]).toEqual([true, said]);
    expect(document.activeElement).toBe(page.find("button"));
    expect(page.find("button")?.getAttribute("aria-disabled")).toBe("true");
    letGo();
    await page.untilText("Dashboard");
    expect(page.find("[role=alert]")).toBeNull();
    expect(document.activeElement).toBe(page.find("[role=status]"));
  });

  test("may be the app's own", async () => {
    server.will(failure(503, "queue.unavailable"), ready("user_a"));
    show({
      error: ({ error, retry, retrying }) => (
        <button type="button" onClick={retry}>
          {retrying ? "wait" : error.code}
        </button>
      ),
    });
    await page.untilText("queue.unavailable");
    expect(page.text()).toBe("queue.unavailable");
    page.press("queue.unavailable");
    await page.untilText("Dashboard");
  });
});

test("slots may use hooks: they mount, keep their state, unmount, and mount again", async () => {
  server.will(failure(503, "first"), failure(503, "second"), ready("user_a", { created: true }));
  // The functions are new in each render, as in most apps.
  const render = (userId = "user_a") =>
    show(
      {
        error: ({ error, retry }) => {
          const [presses, setPresses] = useState(0);
          const press = () => {
            setPresses(presses + 1);
            retry();
          };
          return (
            <button type="button" id={useId()} onClick={press}>
              {`${error.code} ${presses}`}
            </button>
          );
        },
        welcome: ({ dismiss }) => {
          const [name] = useState("Hello");
          return (
            <button type="button" id={useId()} onClick={dismiss}>
              {name}
            </button>
          );
        },
      },
      { userId },
    );
  render();
  await page.untilText("first 0");
  page.press("first 0");
  await page.untilText("second 1");
  render();
  page.press("second 1");
  await page.untilText("HelloDashboard");
  page.press("Hello");
  await page.untilText("Dashboard");
  server.will(failure(503, "third"));
  render("user_b");
  await page.untilText("third 0");
});

test("a change of language changes the client's own messages at once, and the api's message by a new call", async () => {
  const client = createRollcallClient({ baseUrl: server.url, retryDelaysMs: [] });
  const speak = (locale: Locale) =>
    page.render(
      <UserProvisioningProvider
        client={client}
        auth={{ isLoaded: true, userId: "user_a", getToken: async () => makeToken("user_a") }}
        healAfterMs={3_600_000}
        locale={locale}
      >
        <ProvisioningGate>
          <Dashboard />
        </ProvisioningGate>
      </UserProvisioningProvider>,
    );
  server.will("break", "hang");
  speak("pt-BR");
  await page.untilText("Não foi possível falar com o servidor.");
  speak("en");
  await page.untilText("The server could not be reached.");
  expect(page.text()).toContain("Your profile is not available now");
  page.close();
  page = openPage();
  server.will(({ language }) => failure(403, `banned in ${language}`));
  speak("pt-BR");
  await page.untilText("banned in pt-BR");
  speak("en");
  await page.untilText("banned in en");
});

describe("welcome", () => {
  test("is shown above the page for a new profile until dismissed; the focus stays in the page", async () => {
    server.will(ready("user_a", { created: true }));
    show({}, { locale: "en" });
    await page.untilText("Welcome!Your profile was created.Get startedDashboard");
    page.press("Get started");
    await page.untilText("Dashboard");
    expect(page.text()).toBe("Dashboard");
    expect(document.activeElement).toBe(page.find("[role=status]"));
  });

  test("may be the app's own, which receives user and profile, or none", async () => {
    server.will(ready("user_a", { created: true }));
    show({ welcome: ({ mentorado, user }) => `Hello ${mentorado?.nomeCompleto}, ${user.name}! ` });
    await page.untilText("Hello Profile of user_a, user_a! Dashboard");
    page.close();
    page = openPage();
    show({ welcome: null });
    await page.untilText("Dashboard");
    expect(page.text()).toBe("Dashboard");
  });

  test("is also shown when the webhook was faster; after dismissal it does not return, and other users are not affected", async () => {
    const justNow = { createdAt: new Date().toISOString() };
    const readyOf = (userId: string) => {
      const { status, body } = ready(userId, { created: false });
      const { mentorado, ...rest } = body as EnsureReady;
      return { status, body: { ...rest, mentorado: { ...mentorado, ...justNow } } };
    };
    const userOf = (token: string) => (token === makeToken("user_new") ? "user_new" : "user_newer");
    server.will(({ token }) => readyOf(userOf(token)));
    const reload = (userId: string) => {
      page.close();
      page = openPage();
      show({}, { userId, locale: "en" });
    };
    reload("user_new");
    await page.untilText("Get startedDashboard");
    reload("user_new");
    await page.untilText("Get startedDashboard");
    page.press("Get started");
    await until("no welcome", () => page.text() === "Dashboard" || undefined);
    reload("user_new");
    await page.untilText("Dashboard");
    expect(page.text()).toBe("Dashboard");
    reload("user_newer");
    await page.untilText("Get startedDashboard");
  });

  test("is not shown for an older profile", async () => {
    server.will(ready("user_a", { created: false }));
    show();
    await page.untilText("Dashboard");
    expect(page.text()).toBe("Dashboard");
  });
});
