import type { Browser, Page, Route } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeInBrowser } from "../harness/browser.ts";
import {
  addMentee,
  type Call,
  type DashboardSystem,
  openApp,
  openTab,
  recordCalls,
  revenueGoal,
  signIn,
  signOut,
  signUp,
  startDashboardSystem,
  supportUrl,
  untilDashboard,
} from "../harness/dashboard.ts";
import { findByCommand } from "../harness/standalone.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Outages last for seconds, and the retries after them take seconds more. */
const timeout = 240_000;

describeInBrowser("the example app in a browser", { timeout }, (openBrowser) => {
  let system: DashboardSystem;
  let browser: Browser;
  const errors: string[] = [];

  beforeAll(async () => {
    system = await startDashboardSystem();
    browser = await openBrowser();
    await addMentee(system, "Alba", 77_777);
    await addMentee(system, "Bento", 33_333);
  });
  afterAll(async () => {
    await browser?.close();
    await system?.end();
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await system.clerk.webhooks.calm();
    expect(errors.splice(0)).toEqual([]);
  });

  const open = () => openApp(browser, system, errors);

  /** Expects that no query was sent before the profile existed, and that none failed. */
  function expectNoFailure(calls: Call[]): void {
    const firstReady = calls.findIndex(({ name, status }) => name === "ensure" && status === 200);
    const firstQuery = calls.findIndex(({ name }) => name === "asked");
    expect(firstReady).toBeGreaterThanOrEqual(0);
    expect(firstQuery).toBeGreaterThan(firstReady);
    const failed = calls.filter(
      ({ name, status, body }) => name === "query" && (status !== 200 || /"error"/.test(body)),
    );
    expect(failed).toEqual([]);
  }

  test.each(["with webhooks", "with webhooks off"])(
    "a new user %s sees the dashboard, with no failed query",
    async (webhooks) => {
      if (webhooks === "with webhooks off") await system.clerk.webhooks.disturb({ loseNext: 1_000 });
      const page = await open();
      const calls = recordCalls(page);
      const startedAt = Date.now();
      await signUp(page, "Nova");
      await untilDashboard(page, "Nova");
      process.stdout.write(
        `A new user ${webhooks}: the dashboard ${Date.now() - startedAt} ms after signing up\n`,
      );
      await revenueGoal(page, "R$ 16.000").waitFor();
      expectNoFailure(calls);
    },
  );

  test.each([
    ["the first day of a month", 1, "R$ 2.593 por dia"],
    ["the last day of a month", 30, "R$ 77.777 por dia"],
  ])("on %s the card shows the goal and its share of a day", async (_day, dayOfMonth, share) => {
    const page = await open();
    await page.clock.setFixedTime(new Date(2026, 10, dayOfMonth, 12));
    await signIn(page, "Alba");
    await revenueGoal(page, "R$ 77.777").waitFor();
    const amounts = await page.locator('[data-goal="revenue"]').getByRole("definition").allInnerTexts();
    // Intl writes a no-break space behind the currency.
    expect(amounts.map((text) => text.replace("\u00a0", " "))).toEqual(["R$ 77.777", share]);
  });

  test.each([
    ["by their page", "Vinda"],
    ["by the webhook before their page asks", "Chegada"],
  ])(
    "a new user whose profile is created %s is welcomed until they dismiss the welcome, and not again",
    async (by, firstName) => {
      const page = await open();
      if (by === "by their page") await system.clerk.webhooks.disturb({ loseNext: 1_000 });
      else await page.route("**/api/ensure", (route) => untilProfile(firstName).then(() => route.continue()));
      await signUp(page, firstName);
      const welcome = page.getByRole("heading", { name: `Boas-vindas, ${firstName}!` });
      await welcome.waitFor();
      await page.getByText("Perfil criado. Boas-vindas!").first().waitFor();
      await page.getByRole("button", { name: "Começar" }).click();
      await welcome.waitFor({ state: "detached" });
      await page.reload();
      await untilDashboard(page, firstName);
      expect(await welcome.count()).toBe(0);
    },
  );

  const untilProfile = (firstName: string) =>
    waitFor(`a profile of ${firstName}`, async () => {
      const sql = "select id from mentorados where nome_completo = $1";
      const { rowCount } = await system.db.query(sql, [`${firstName} Pessoa`]);
      return rowCount === 1 || undefined;
    });

  test("while the worker is stopped a toast says so, and when it is back the page recovers without a reload", async () => {
    const worker = await findByCommand(await system.pids(), "apps/worker");
    const page = await open();
    const calls = recordCalls(page);
    await page.evaluate("window.neverReloaded = true");
    process.kill(worker, "SIGSTOP");
    try {
      await signUp(page, "Espera");
      await page.getByText("Preparando seu perfil…").first().waitFor();
      await page.getByText("Está demorando mais do que o normal. Tentando de novo…").first().waitFor();
      expect(calls.filter(({ name }) => name === "asked")).toEqual([]);
    } finally {
      process.kill(worker, "SIGCONT");
    }
    await untilDashboard(page, "Espera");
    expect(await page.evaluate("window.neverReloaded")).toBe(true);
    expectNoFailure(calls);
  });

  test("while Postgres is down the page shows an error and a support link, and a retry works once it is back", async () => {
    const page = await open();
    await page.clock.install();
    const calls = recordCalls(page);
    await system.stopPostgres();
    try {
      await signIn(page, "Alba");
      const alert = page.getByRole("alert");
      await alert.getByRole("heading", { name: "Seu perfil não está disponível agora" }).waitFor();
      expect(await page.locator("main").innerText()).not.toMatch(/postgres|503|error|undefined/i);
      expect(await page.getByRole("link", { name: "Falar com o suporte" }).getAttribute("href")).toBe(
        supportUrl,
      );
    } finally {
      await system.startPostgres();
    }
    await expectAskingAtPress(page);
    await untilAccepting(page, "Alba");
    expectNoFailure(calls);
  });

  /** The page also retries by itself. This holds its timers, so that only the press of the button sends a call. */
  async function expectAskingAtPress(page: Page): Promise<void> {
    let asked = 0;
    page.on("request", (request) => {
      if (request.method() === "POST" && request.url().endsWith("/api/ensure")) asked++;
    });
    const again = page.getByRole("button", { name: "Tentar de novo" });
    await waitFor("a page that waits for a press", async () => {
      await again.waitFor();
      await page.clock.pauseAt((await page.evaluate<number>("Date.now()")) + 1_000);
      if (await again.isVisible()) return true;
      // A call that the page sent by itself was under way.
      await page.clock.resume();
      return undefined;
    });
    const before = asked;
    await again.click();
    await waitFor("a call", async () => asked > before || undefined);
    await page.clock.resume();
  }

  /** Presses the button until it works, because the api needs a moment to see that Postgres is back. */
  async function untilAccepting(page: Page, firstName: string): Promise<void> {
    await waitFor(
      "a dashboard after trying again",
      async () => {
        if (await page.getByRole("heading", { name: `Olá, ${firstName} Pessoa` }).isVisible()) return true;
        await page.getByRole("button", { name: "Tentar de novo" }).click({ timeout: 500 });
        return undefined;
      },
      120_000,
    );
  }

  /** Records, after each change of the page, the signed-in user together with each goal or welcome that it showed. */
  const watch = (page: Page) =>
    page.evaluate(`
      window.seen = new Set();
      new MutationObserver(() => {
        const account = document.querySelector(".account-name")?.textContent ?? "signed out";
        const own = document.body.innerText.match(/77\\.777|33\\.333|Boas-vindas, \\w+/g) ?? [];
        for (const words of own) window.seen.add(account + ": " + words);
      }).observe(document.body, { subtree: true, childList: true, characterData: true });
    `);
  const readSeen = (page: Page) => page.evaluate<string[]>("[...window.seen].sort()");

  test("A signs out and B signs in at once, and B never sees data of A", async () => {
    const page = await open();
    await watch(page);
    await signIn(page, "Alba");
    await revenueGoal(page, "R$ 77.777").waitFor();
    await signOut(page);
    await signIn(page, "Bento");
    await revenueGoal(page, "R$ 33.333").waitFor();
    expect(await readSeen(page)).toEqual(["Alba Pessoa: 77.777", "Bento Pessoa: 33.333"]);
  });

  test.each<[string, string, (page: Page) => Promise<void>]>([
    ["the profile", "**/api/ensure", (page) => signUp(page, "Atrasada")],
    ["the goals", "**/trpc/**", (page) => signIn(page, "Alba")],
  ])("an answer with %s of A that arrives after B signed in is never shown", async (_content, url, begin) => {
    await system.clerk.webhooks.disturb({ loseNext: 1_000 });
    const page = await open();
    await watch(page);
    const held: Route[] = [];
    await page.route(url, (route) => void held.push(route));
    await begin(page);
    const late = await waitFor("A's call", async () => held[0]);
    await signOut(page);
    await signIn(page, "Bento");
    const own = await waitFor("B's call", async () => held[1]);
    // The page may have cancelled A's call when A signed out, which is as good.
    await late.continue().catch(() => undefined);
    await late.request().response();
    await own.continue();
    await revenueGoal(page, "R$ 33.333").waitFor();
    expect(await readSeen(page)).toEqual(["Bento Pessoa: 33.333"]);
  });

  test("two tabs of a new user make one profile, and both see it", async () => {
    await system.clerk.webhooks.disturb({ loseNext: 1_000 });
    const first = await open();
    const second = await openTab(await first.context().newPage(), system, errors);
    const calls = [recordCalls(first), recordCalls(second)];
    await signUp(first, "Dupla");
    await Promise.all([untilDashboard(first, "Dupla"), untilDashboard(second, "Dupla")]);
    for (const ofTab of calls) expectNoFailure(ofTab);
    const { rows } = await system.db.query("select id from mentorados where nome_completo = 'Dupla Pessoa'");
    expect(rows).toHaveLength(1);
    await signOut(second);
    await first.getByRole("heading", { name: "Criar uma conta" }).waitFor();
  });

  test("ten fast cycles of signing in and out never mix two users' data", async () => {
    const page = await open();
    await watch(page);
    for (let cycle = 0; cycle < 10; cycle++) {
      await signIn(page, cycle % 2 === 0 ? "Alba" : "Bento");
      await signOut(page);
    }
    const calls = recordCalls(page);
    await signIn(page, "Alba");
    await revenueGoal(page, "R$ 77.777").waitFor();
    expectNoFailure(calls);
    expect(await readSeen(page)).not.toContain("Alba Pessoa: 33.333");
    expect(await readSeen(page)).not.toContain("Bento Pessoa: 77.777");
    await signOut(page);
    await page.getByRole("heading", { name: "Criar uma conta" }).waitFor();
    await expect.poll(() => page.locator(".toast").count()).toBe(0);
    expect(await page.evaluate("localStorage.getItem('rollcall-simulator-session')")).toBeNull();
  });

  test("the language button changes the page and its errors to English, and a reload keeps it", async () => {
    const page = await open();
    await page.getByRole("button", { name: "English" }).click();
    await page.getByRole("heading", { name: "Create an account" }).waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Sign in as Alba Pessoa" }).click();
    await page.getByText("Goals of the month").waitFor();
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
    await page.route("**/api/ensure", (route) => route.abort());
    await page.reload();
    await page.getByRole("alert").getByText("The server could not be reached.").waitFor();
    await page.getByRole("button", { name: "Português" }).click();
    await page.getByRole("alert").getByText("Não foi possível falar com o servidor.").waitFor();
  });

  test("goals stay on the page when a later query fails", async () => {
    const page = await open();
    await signIn(page, "Alba");
    await revenueGoal(page, "R$ 77.777").waitFor();
    await page.evaluate(`
      window.alarmed = false;
      new MutationObserver(() => { window.alarmed ||= document.querySelector("[role=alert]") !== null; })
        .observe(document.body, { subtree: true, childList: true });
    `);
    const calls = recordCalls(page);
    const answered = (status: number) =>
      calls.filter((call) => call.name === "query" && call.status === status);
    const refetch = () =>
      page.evaluate("document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))");
    await page.route("**/trpc/**", (route) => route.abort());
    await refetch();
    // TanStack tries four times before it reports a failure.
    await waitFor("four failures", async () => answered(0).length >= 4 || undefined, 60_000);
    await page.unroute("**/trpc/**");
    await waitFor("an answer", async () => {
      await refetch();
      return answered(200).length > 0 || undefined;
    });
    expect(await page.evaluate("window.alarmed")).toBe(false);
    expect(await revenueGoal(page, "R$ 77.777").isVisible()).toBe(true);
  });

  test("a query without a session is refused, and its answer is kept by no cache", async () => {
    const answer = await fetch(new URL("/trpc/goals", system.appUrl));
    expect([answer.status, answer.headers.get("cache-control")]).toEqual([401, "no-store"]);
  });

  test("a banned user sees a message, and the page sends no further query", async () => {
    await addMentee(system, "Barrada", 10_000);
    await system.db.query("update users set banned = true where name = 'Barrada Pessoa'");
    const page = await open();
    const calls = recordCalls(page);
    await signIn(page, "Barrada");
    await page.getByRole("alert").getByText("Esta conta está bloqueada.").waitFor();
    expect(calls.map(({ name, status }) => [name, status])).toEqual([["ensure", 403]]);
  });
});
