import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "@rollcall/local-services";
import axe from "axe-core";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { describeInBrowser } from "../harness/browser.ts";
import { type OwnApp, startOwnApp } from "../harness/own-app.ts";
import {
  findByCommand,
  type Standalone,
  startRun,
  startStandalone,
  untilFirstFullSync,
} from "../harness/standalone.ts";

/** Slack for a busy machine. Most steps take well under a second. */
const timeoutMs = 30_000;

describeInBrowser("the simulator's page", {}, (openBrowser) => {
  let dir: string;
  let system: Standalone;
  /** Of an app that is not ours, whose origin is listed under the name `localhost` alone. */
  let appPort: number;
  let browser: Browser;
  let page: Page;
  const pageErrors: string[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "rollcall-page-"));
    appPort = await findFreePort();
    system = await startStandalone(dir, { CLERK_AUTHORIZED_PARTIES: `http://localhost:${appPort}` });
    await untilFirstFullSync(system);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await system?.stop();
    await rm(dir, { recursive: true, force: true });
  });
  beforeEach(async () => {
    page = await openPage({ locale: "en-GB" });
  });
  afterEach(async () => {
    await page.context().close();
    expect(pageErrors.splice(0)).toEqual([]);
  });

  async function openPage(options: Parameters<Browser["newContext"]>[0]): Promise<Page> {
    const context = await browser.newContext(options);
    context.setDefaultTimeout(timeoutMs);
    const opened = await context.newPage();
    // Script errors, and requests that the page's own security policy forbids, fail the test.
    opened.on("pageerror", (error) => pageErrors.push(error.message));
    opened.on("console", (message) => {
      if (/Content Security Policy/i.test(message.text())) pageErrors.push(message.text());
    });
    await opened.goto(system.pageUrl);
    return opened;
  }

  async function signUp(firstName: string): Promise<Locator> {
    const form = page.getByRole("region", { name: "Sign someone up" });
    await form.getByLabel("First name").fill(firstName);
    await form.getByLabel("Last name").fill("Person");
    await form.getByLabel("Email").fill(`${firstName.toLowerCase()}@example.com`);
    await form.getByRole("button", { name: "Sign up" }).click();
    const card = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: firstName }) });
    await card.waitFor();
    return card;
  }

  /** The page's own security policy would refuse axe, so the page was opened without it. */
  async function findViolations(shown: Page): Promise<unknown> {
    await shown.evaluate(axe.source);
    return shown.evaluate("axe.run().then(({ violations }) => violations.map(({ id }) => id))");
  }

  const untilSays = (card: Locator, words: string | RegExp) => card.getByText(words).first().waitFor();

  test("a new user is shown as provisioned, with row, profile, time and cause", async () => {
    const card = await signUp("Webhooked");
    await untilSays(card, "Provisioned");
    await untilSays(card, /after signing up, by webhook$/);
    await untilSays(card, "user.created: delivered");
    await untilSays(card, "Webhooked Person · FREE · user");
    await untilSays(card, "Webhooked Person · neon");
  });

  test("a user whose webhook is lost is provisioned by ensure when they sign in", async () => {
    await page.getByLabel("Lose the next webhook").check();
    const card = await signUp("Lost");
    await untilSays(card, "user.created: lost");
    await untilSays(card, "The webhook was lost");
    await expect.poll(() => page.getByLabel("Lose the next webhook").isChecked()).toBe(false);
    await card.getByRole("button", { name: "Sign in: Lost Person" }).click();
    await untilSays(card, /Ensure answered 200 in \d+ ms: provisioned just now/);
    await untilSays(card, /after signing up, by the app's ensure call$/);
  });

  test("a user whose webhook is lost and who does not sign in is found by the catch-up, and the page shows when it ran", async () => {
    const parts = page.getByRole("region", { name: "The parts" });
    await parts
      .getByRole("listitem")
      .filter({ hasText: "Full sync" })
      .getByText(/\d+ (s|min) ago/)
      .waitFor();
    await page.getByLabel("Lose the next webhook").check();
    const card = await signUp("Quiet");
    await untilSays(card, "The webhook was lost");
    await startRun(system, "catch-up");
    await untilSays(card, /after signing up, by the catch-up$/);
    await parts
      .getByRole("listitem")
      .filter({ hasText: "Catch-up" })
      .getByText(/\d+ s ago/)
      .waitFor();
  });

  test("a webhook that is delivered twice makes one profile", async () => {
    await page.getByLabel("Deliver every webhook twice").check();
    const card = await signUp("Twice");
    await untilSays(card, "user.created: delivered, 2 times");
    await untilSays(card, "Provisioned");
    await page.getByLabel("Deliver every webhook twice").uncheck();
  });

  test("a user who signs up while Clerk is down is provisioned once it is back", async () => {
    await page.getByLabel("Clerk is down").check();
    const card = await signUp("Tardy");
    await untilSays(card, "user.created: delivered");
    await untilSays(card, "On its way");
    await page.getByLabel("Clerk is down").uncheck();
    await untilSays(card, "Provisioned");
  });

  test("a new name and email reach the row and never overwrite the profile", async () => {
    const card = await signUp("Before");
    await untilSays(card, "Provisioned");
    await card.getByRole("button", { name: "Edit: Before Person" }).click();
    const dialog = page.getByRole("dialog", { name: "Name and email" });
    await dialog.getByLabel("First name").fill("Later");
    await dialog.getByLabel("Email").fill("later@example.com");
    await dialog.getByRole("button", { name: "Save at Clerk" }).click();
    const renamed = page.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "Later" }) });
    await untilSays(renamed, "Later Person · FREE · user");
    await untilSays(renamed, "Before Person · neon");
    await untilSays(renamed, "later@example.com");
    await untilSays(renamed, "Provisioned");
  });

  test("a banned user is shown as banned and refused until the ban is lifted", async () => {
    const card = await signUp("Naughty");
    await untilSays(card, "Provisioned");
    await card.getByRole("button", { name: "Ban: Naughty Person" }).click();
    await untilSays(card, "Banned");
    await card.getByRole("button", { name: "Sign in: Naughty Person" }).click();
    await untilSays(card, /Ensure answered 403 .* refused/);
    await card.getByRole("button", { name: "Lift ban: Naughty Person" }).click();
    await untilSays(card, "Provisioned");
  });

  test("a deleted user is gone, and a tombstone is left", async () => {
    const card = await signUp("Leaving");
    await untilSays(card, "Provisioned");
    await card.getByRole("button", { name: "Delete: Leaving Person" }).click();
    await card.waitFor({ state: "detached" });
    const gone = page.getByRole("listitem").filter({ hasText: "Leaving Person" });
    await untilSays(gone, "Rollcall keeps a tombstone");
  });

  test("a sign-up in another page shows without a reload and is announced", async () => {
    const other = await openPage({ locale: "pt-BR" });
    await other.getByRole("button", { name: "Cadastrar" }).click();
    await other.context().close();
    await page.getByText(/is provisioned, .* after signing up/).waitFor({ state: "attached" });
  });

  test("uses the browser's language, and a reload keeps the chosen one", async () => {
    await page.getByRole("button", { name: "Português" }).click();
    await page.getByRole("heading", { name: "Cadastrar alguém" }).waitFor();
    expect(await page.locator("html").getAttribute("lang")).toBe("pt-BR");
    await page.reload();
    await page.getByRole("heading", { name: "Cadastrar alguém" }).waitFor();
  });

  test.each([
    ["a phone", 390, "light"],
    ["a phone at night", 390, "dark"],
    ["a desktop", 1280, "light"],
    ["a desktop at night", 1280, "dark"],
  ] as const)("is accessible and fits on %s", async (_name, width, colorScheme) => {
    const viewport = { width, height: 844 };
    const shown = await openPage({ viewport, colorScheme, locale: "pt-BR", bypassCSP: true });
    await shown.getByRole("heading", { level: 3 }).first().waitFor();
    expect(await findViolations(shown)).toEqual([]);
    expect(await shown.evaluate("document.documentElement.scrollWidth")).toBe(width);
    await shown.context().close();
  });

  describe("an app of one's own, on another port", () => {
    let app: OwnApp;
    beforeAll(async () => {
      app = await startOwnApp(appPort, { api: system.apiUrl, simulator: system.pageUrl });
    });
    afterAll(() => app?.stop());

    const openOwnApp = async (host: string) => {
      await page.goto(`http://${host}:${appPort}/?month=5#goals`);
      await page.getByRole("button", { name: "Sign in" }).click();
    };

    test("signs a user up and in on the simulator's page, and shows the profile", async () => {
      await openOwnApp("localhost");
      await page.getByRole("heading", { name: `localhost:${appPort}` }).waitFor();
      await page.getByLabel("First name").fill("Own");
      await page.getByLabel("Last name").fill("Person");
      await page.getByRole("button", { name: "Sign up" }).click();
      await page.getByText("Own Person", { exact: true }).waitFor();
      expect(page.url()).toBe(`http://localhost:${appPort}/?month=5#goals`);
      await page.reload();
      await page.getByText("Own Person", { exact: true }).waitFor();
      const other = await page.context().newPage();
      await other.goto(page.url());
      await other.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("button", { name: "Own Person" }).click();
      await page.getByText("Own Person", { exact: true }).waitFor();
      await other.close();
    });

    test("has a sign-in that is accessible and fits on a phone", async () => {
      const viewport = { width: 390, height: 844 };
      const shown = await openPage({ viewport, bypassCSP: true });
      await shown.goto(`${system.pageUrl}/sign-in?return_to=http://localhost:${appPort}/`);
      await shown.getByRole("button", { name: "Own Person" }).waitFor();
      expect(await findViolations(shown)).toEqual([]);
      expect(await shown.evaluate("document.documentElement.scrollWidth")).toBe(viewport.width);
      if (process.env["ROLLCALL_SHOTS"])
        await shown.screenshot({ path: `${process.env["ROLLCALL_SHOTS"]}/sign-in.png`, fullPage: true });
      await shown.context().close();
    });

    test("is refused under a name that is not listed, and the variable is named", async () => {
      await openOwnApp("127.0.0.1");
      await page
        .getByText(
          `CLERK_AUTHORIZED_PARTIES=http://localhost:${appPort},http://127.0.0.1:${appPort} npm start`,
        )
        .waitFor();
    });
  });

  test("names a part that is down, and goes on when it is back", async () => {
    const api = await findByCommand(await system.pids(), "apps/api");
    const parts = page.getByRole("region", { name: "The parts" });
    process.kill(api, "SIGSTOP");
    await parts.getByText("does not answer").waitFor();
    process.kill(api, "SIGCONT");
    await parts.getByText("does not answer").waitFor({ state: "detached" });
    const simulator = await findByCommand(await system.pids(), "page/main.js");
    process.kill(simulator, "SIGKILL");
    await page.getByRole("alert").getByText("The simulator does not answer").waitFor();
    await page.getByRole("alert").waitFor({ state: "hidden" });
    await untilSays(await signUp("Survivor"), "Provisioned");
  });
});
