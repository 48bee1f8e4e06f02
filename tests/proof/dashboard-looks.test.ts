import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeInBrowser } from "../harness/browser.ts";
import {
  type DashboardSystem,
  openApp,
  signOut,
  signUp,
  startDashboardSystem,
  untilDashboard,
} from "../harness/dashboard.ts";

/** The folder for a screenshot of each screen, for a person to look at. Without it no screenshot is taken. */
const shots = process.env["ROLLCALL_SHOTS"];

describeInBrowser("the screens of the example app", { timeout: 240_000 }, (openBrowser) => {
  let system: DashboardSystem;
  let browser: Browser;
  const errors: string[] = [];

  beforeAll(async () => {
    system = await startDashboardSystem();
    browser = await openBrowser();
    // Without webhooks every sign-up is provisioned by ensure, and the page welcomes the user.
    await system.clerk.webhooks.disturb({ loseNext: 1_000 });
    if (shots) await mkdir(shots, { recursive: true });
  });
  afterAll(async () => {
    await browser?.close();
    await system?.end();
    expect(errors).toEqual([]);
  });

  // The tests run at once, because they mostly wait.
  test.concurrent.each([
    ["a phone", 390, "light"],
    ["a phone at night", 390, "dark"],
    ["a desktop", 1280, "light"],
    ["a desktop at night", 1280, "dark"],
  ] as const)("every screen is accessible and fits on %s", async (_name, width, colorScheme) => {
    const options = {
      ...{ viewport: { width, height: 844 }, colorScheme },
      // Contrast in the middle of a fade is meaningless, so motion is reduced. The page's policy would refuse axe.
      ...({ reducedMotion: "reduce", bypassCSP: true } as const),
    };
    const page = await openApp(browser, system, errors, options);
    const look = (screen: string) => check(page, `${screen}-${width}-${colorScheme}`, width);
    await page.getByRole("heading", { name: "Entrar como" }).waitFor();
    await look("sign-in");

    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    await page.route("**/api/ensure", (route) => released.then(() => route.continue()));
    await signUp(page, "Vista");
    await page.locator(".toast").waitFor();
    await look("loading");

    release();
    await untilDashboard(page, "Vista");
    await look("welcome");
    await page.getByRole("button", { name: "Começar" }).click();
    await page.locator(".toast").waitFor({ state: "detached" });
    await look("dashboard");

    await signOut(page);
    await page.unroute("**/api/ensure");
    await page.route("**/api/ensure", (route) => route.abort());
    await page.getByRole("button", { name: "Entrar como Vista Pessoa" }).first().click();
    await page.getByRole("alert").getByRole("heading").waitFor();
    await look("error");
    await page.context().close();
  });

  async function check(page: Page, screen: string, width: number): Promise<void> {
    if (shots) await page.screenshot({ path: join(shots, `${screen}.png`), fullPage: true });
    await page.evaluate(axe.source);
    const violations = await page.evaluate(
      "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes[0].html))",
    );
    expect([screen, violations]).toEqual([screen, []]);
    expect([screen, await page.evaluate("document.documentElement.scrollWidth")]).toEqual([screen, width]);
  }
});
