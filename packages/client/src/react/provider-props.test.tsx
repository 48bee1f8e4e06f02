import "../testing/dom.ts";

import { type ReactNode, StrictMode } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { createProvisioning } from "../next.ts";
import { createRollcallClient } from "../rollcall-client.ts";
import {
  type EnsureServer,
  failure,
  makeToken,
  ready,
  readyIn,
  startEnsureServer,
} from "../testing/ensure-server.ts";
import { openPage, type Page } from "../testing/page.ts";
import { until } from "../testing/until.ts";
import { buildOrganization, buildProfile, buildUser } from "../testing.ts";
import { readTokenOrganization, readTokenSubject } from "../token-subject.ts";
import type { Mentorado } from "../wire.ts";
import type { InitialSession } from "./initial-session.ts";
import { HeadlessProvisioningGate, ProvisioningGate } from "./provisioning-gate.tsx";
import { useUserProvisioning } from "./use-user-provisioning.ts";
import {
  UserProvisioningProvider,
  type UserProvisioningProviderProps,
} from "./user-provisioning-provider.tsx";

vi.setConfig({ testTimeout: 60_000 });

let server: EnsureServer;
let page: Page;
beforeAll(async () => {
  server = await startEnsureServer();
});
beforeEach(() => {
  server.calls.length = 0;
  server.will(({ token }) =>
    readyIn(readTokenSubject(token) ?? "user_missing", readTokenOrganization(token) ?? null),
  );
  page = openPage();
});
afterEach(() => page.close());
afterAll(() => server.stop());

type Props = Partial<UserProvisioningProviderProps>;

type Who = { userId: string | null; orgId?: string | null; isLoaded?: boolean };

function App({ userId, orgId, isLoaded = true, ...props }: Props & Who) {
  return (
    <StrictMode>
      <UserProvisioningProvider
        client={createRollcallClient({ baseUrl: server.url, retryDelaysMs: [] })}
        auth={{ isLoaded, userId, orgId, getToken: async () => userId && makeToken(userId, 0, orgId) }}
        healAfterMs={3_600_000}
        {...props}
      >
        {props.children ?? <Shown />}
      </UserProvisioningProvider>
    </StrictMode>
  );
}

function Shown(): ReactNode {
  const { status, user, welcome } = { welcome: undefined, ...useUserProvisioning() };
  return `${status} ${user?.name} ${welcome}`;
}

function ShownTeam(): ReactNode {
  const { status, user, organization, organizationId, error } = useUserProvisioning();
  return `${status} ${user?.name} as ${organization?.role} of ${organization?.clerkOrgId} in ${organizationId} ${error?.code}`;
}

const annasSession = (change: object = {}, mentorado: Mentorado | null = buildProfile()) => ({
  user: { ...buildUser({ clerkId: "user_a", name: "Anna" }), ...change },
  mentorado,
});

describe("an initial session", () => {
  test("is shown by the server and by the browser without a call", async () => {
    const app = <App userId="user_a" initialSession={annasSession()} />;
    const html = renderToString(app);
    expect(html).toBe("provisioned Anna false");
    const container = document.createElement("main");
    container.innerHTML = html;
    const onRecoverableError = vi.fn();
    const root = hydrateRoot(container, app, { onRecoverableError });
    // The profile was made in January, so there is no welcome.
    root.render(<App userId="user_a" />);
    await until("a render", () => container.textContent === "provisioned Anna false" || undefined);
    expect(onRecoverableError).not.toHaveBeenCalled();
    expect(server.calls).toEqual([]);
    root.unmount();
  });

  test("waits until the user is known", async () => {
    const app = (isLoaded: boolean) => (
      <App userId="user_a" isLoaded={isLoaded} initialSession={annasSession()} />
    );
    page.render(app(false));
    await page.untilText("unprovisioned");
    page.render(app(true));
    await page.untilText("provisioned Anna");
    expect(server.calls).toEqual([]);
  });

  test("of a new profile shows the welcome", async () => {
    const mentorado = buildProfile({ createdAt: new Date().toISOString() });
    page.render(<App userId="user_a" initialSession={annasSession({}, mentorado)} />);
    await page.untilText("provisioned Anna true");
  });

  test("of an admin has no profile", async () => {
    page.render(<App userId="user_a" initialSession={annasSession({}, null)} />);
    await page.untilText("provisioned Anna");
    expect(server.calls).toEqual([]);
  });

  test.each<[string, InitialSession]>([
    ["of another user", annasSession({ clerkId: "user_b" })],
    ["of a banned user", annasSession({ banned: true })],
    ["of a deleted user", annasSession({ deletedAt: new Date() })],
    ["whose user was read without its columns", annasSession({ banned: undefined })],
    ["without the profile's column", { user: annasSession().user }],
  ])("%s is not used", async (_, initialSession) => {
    page.render(<App userId="user_a" initialSession={initialSession} />);
    await page.untilText("provisioned user_a");
    expect(page.text()).not.toContain("Anna");
    expect(server.calls).toHaveLength(1);
  });

  test("is used once: after another user, the first user is asked for again", async () => {
    const session = annasSession();
    for (const userId of ["user_a", "user_b", "user_a"]) {
      page.render(<App userId={userId} initialSession={session} />);
      await page.untilText(userId === "user_b" ? "provisioned user_b" : "provisioned");
    }
    await page.untilText("provisioned user_a");
    expect(server.calls).toHaveLength(2);
  });

  test.each<[string, object, string | null, number, string]>([
    [
      "of the active organization is used",
      { organization: buildOrganization() },
      "org_escola",
      0,
      "org_escola",
    ],
    ["of the personal account is used", { organization: null }, null, 0, "undefined"],
    ["without an organization is used in any", {}, "org_escola", 0, "undefined"],
    ["of another organization is not used", { organization: buildOrganization() }, "org_b", 1, "org_b"],
    [
      "of an organization is not used in the personal account",
      { organization: buildOrganization() },
      null,
      1,
      "undefined",
    ],
    ["of the personal account is not used in an organization", { organization: null }, "org_b", 1, "org_b"],
  ])("%s", async (_, active, orgId, calls, shown) => {
    const initialSession: InitialSession = { ...annasSession(), ...active };
    page.render(
      <App userId="user_a" orgId={orgId} initialSession={initialSession}>
        <ShownTeam />
      </App>,
    );
    await page.untilText(`provisioned ${calls === 0 ? "Anna" : "user_a"} as`);
    expect(page.text()).toContain(`of ${shown} in ${orgId}`);
    expect(server.calls).toHaveLength(calls);
  });

  test("is the result of requireProvisioned", () => {
    const client = createRollcallClient({ baseUrl: server.url });
    const { requireProvisioned } = createProvisioning({ client, identify: () => null });
    expectTypeOf(requireProvisioned).returns.resolves.toExtend<InitialSession>();
    expectTypeOf(client.ensure).returns.resolves.toExtend<InitialSession>();
  });
});

describe("the app gets a call", () => {
  test("once of each user who has a profile, and of each failed call", async () => {
    const heard: unknown[] = [];
    const listeners = {
      onProvisioned: ({ user }: { user: { clerkId: string } }) => heard.push(user.clerkId),
      onError: ({ code }: { code: string }) => heard.push(code),
    };
    page.render(<App userId="user_a" {...listeners} />);
    await until("A", () => heard.length === 1 || undefined);
    server.will(failure(403, "user.banned"));
    page.render(<App userId="user_b" {...listeners} />);
    await until("the failure", () => heard.length === 2 || undefined);
    expect(heard).toEqual(["user_a", "user.banned"]);
  });

  test("of an initial session", async () => {
    const onProvisioned = vi.fn();
    page.render(<App userId="user_a" initialSession={annasSession()} onProvisioned={onProvisioned} />);
    await until("the call", () => onProvisioned.mock.calls[0]);
    expect(onProvisioned.mock.calls).toEqual([
      [expect.objectContaining({ created: false, mentorado: buildProfile() })],
    ]);
  });

  test("nothing of a user who left before the answer", async () => {
    const heard: string[] = [];
    const onProvisioned = ({ user }: { user: { clerkId: string } }) => void heard.push(user.clerkId);
    server.will("hang");
    page.render(<App userId="user_a" onProvisioned={onProvisioned} />);
    await until("A's call", () => server.calls[0]);
    server.will(ready("user_b"));
    page.render(<App userId="user_b" onProvisioned={onProvisioned} />);
    await until("B", () => heard.length > 0 || undefined);
    expect(heard).toEqual(["user_b"]);
  });
});

test("the active organization comes with the user's role, and a refused member sees neither", async () => {
  const show = (orgId: string | null) =>
    page.render(
      <App userId="user_a" orgId={orgId}>
        <ShownTeam />
      </App>,
    );
  show("org_a");
  await page.untilText("provisioned user_a as org:admin of org_a in org_a");
  show(null);
  await page.untilText("provisioned user_a as undefined of undefined in null");
  server.will(failure(403, "organization.not_a_member"));
  show("org_b");
  await page.untilText("of undefined in org_b organization.not_a_member");
  expect(page.text()).toContain("unprovisioned undefined as undefined");
});

test("a function for clearOnUserChange also runs when another organization follows", async () => {
  let clears = 0;
  const client = createRollcallClient({ baseUrl: server.url, retryDelaysMs: [] });
  for (const [orgId, expected] of [
    ["org_a", 0],
    ["org_a", 0],
    ["org_b", 1],
    [null, 2],
    ["org_a", 3],
  ] as const) {
    const auth = { userId: "user_a", orgId, client, clearOnUserChange: () => clears++ };
    page.render(
      <App {...auth}>
        <ShownTeam />
      </App>,
    );
    await page.untilText(
      `provisioned user_a as ${orgId ? "org:admin" : "undefined"} of ${orgId ?? undefined} in`,
    );
    await until("the effects", () => clears === expected || undefined);
  }
});

test("a function for clearOnUserChange runs when another user follows, or no user, and not for the first user", async () => {
  let clears = 0;
  const client = createRollcallClient({ baseUrl: server.url, retryDelaysMs: [] });
  const show = (userId: string | null, isLoaded = true) =>
    page.render(<App {...{ userId, isLoaded, client }} clearOnUserChange={() => clears++} />);
  show("user_a");
  await page.untilText("provisioned user_a");
  show("user_a", false);
  await page.untilText("unprovisioned");
  show("user_a");
  await page.untilText("provisioned user_a");
  expect(clears).toBe(0);
  show("user_b");
  await page.untilText("provisioned user_b");
  expect(clears).toBe(1);
  show(null);
  await until("the sign-out", () => clears === 2 || undefined);
  show("user_a");
  await page.untilText("provisioned user_a");
  expect(clears).toBe(2);
});

test("an app that came to the foreground is tried again at once", async () => {
  server.will(failure(503), ready("user_a"));
  const watchers = new Set<() => void>();
  const watchForeground = (onForeground: () => void) => {
    watchers.add(onForeground);
    return () => watchers.delete(onForeground);
  };
  page.render(<App userId="user_a" watchForeground={watchForeground} />);
  await until("the pause", () => (watchers.size > 0 && page.text().startsWith("unprovisioned")) || undefined);
  for (const onForeground of watchers) onForeground();
  await page.untilText("provisioned user_a");
  await until("the end of the watch", () => watchers.size === 0 || undefined);
});

describe("the gate", () => {
  test("shows the app's own texts in its default slots", async () => {
    const texts = { preparing: "Um momento…", failed: "Não deu certo", retry: "Outra vez" };
    server.will("hang");
    const gate = <ProvisioningGate texts={texts}>Dashboard</ProvisioningGate>;
    page.render(<App userId="user_a">{gate}</App>);
    await page.untilText("Um momento…");
    server.will(failure(403, "user.banned"));
    page.render(<App userId="user_b">{gate}</App>);
    await page.untilText("Não deu certo");
    expect(page.text()).toContain("Outra vez");
  });

  test("has a form without any element, for React Native", async () => {
    const gate = (
      <HeadlessProvisioningGate
        loading="loading"
        signedOut="signed out"
        error={({ error }) => `error ${error.code}`}
        welcome={({ user }) => `welcome ${user.name}, `}
      >
        page
      </HeadlessProvisioningGate>
    );
    const elements = () => page.find("*");
    page.render(<App userId={null}>{gate}</App>);
    await page.untilText("signed out");
    server.will("hang");
    page.render(<App userId="user_a">{gate}</App>);
    await page.untilText("loading");
    server.will(failure(403, "user.banned"));
    page.render(<App userId="user_b">{gate}</App>);
    await page.untilText("error user.banned");
    server.will(ready("user_c", { created: true }));
    page.render(<App userId="user_c">{gate}</App>);
    await page.untilText("welcome user_c, page");
    expect(elements()).toBeNull();
  });
});
