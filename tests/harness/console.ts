import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Mapping } from "@rollcall/contracts";
import { hashPassword } from "@rollcall/runtime";
import axe from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { describeInBrowser } from "./browser.ts";
import { type System, startSystem } from "./system.ts";

/** The folder for a screenshot of each screen, for a person to look at. Without it no screenshot is taken. */
const shots = process.env["ROLLCALL_SHOTS"];

export const operatorPassword = "a long password that only tests know";

/** `ADMIN_OPERATORS` with one operator of each role, whose names are `operators`. */
export async function makeOperators(): Promise<string> {
  const hash = await hashPassword(operatorPassword);
  return Object.entries(operators)
    .map(([role, name]) => `${name}:${role}:${hash}`)
    .join(",");
}

export const operators = { viewer: "vera", operator: "otto", admin: "ana" } as const;

export type Look = {
  language?: "en" | "pt-BR";
  width?: number;
  colorScheme?: "light" | "dark";
};

export type ConsolePage = Page & { faults: string[] };

/** Many times what a step of a page needs on a busy machine. */
const stepTimeoutMs = 60_000;

/** A system with one operator of each role, and a browser. Each test starts without an open page. */
export type Console = {
  readonly system: System;
  /** Opens a page for an operator that has not logged in. */
  open(path?: string, look?: Look): Promise<ConsolePage>;
  /** Opens a page and logs in as the operator of a role. */
  openAs(role: keyof typeof operators, path: string, look?: Look): Promise<ConsolePage>;
};

/**
 * Declares tests of the console. Without Chromium they are skipped and say so.
 *
 * @param mapping of the default tables, if it is not the default one
 */
export function describeConsole(
  name: string,
  environment: Record<string, string>,
  declare: (its: Console) => void,
  mapping?: Mapping,
): void {
  describeInBrowser(name, { timeout: 300_000 }, (openBrowser) => {
    let system: System | undefined;
    let browser: Browser | undefined;
    beforeAll(async () => {
      const ADMIN_OPERATORS = await makeOperators();
      system = await startSystem({
        backend: "postgres",
        environment: { ADMIN_OPERATORS, ...environment },
        ...(mapping && { app: { mapping, fill: async () => undefined } }),
      });
      browser = await openBrowser();
    });
    afterEach(() => Promise.all((browser?.contexts() ?? []).map((context) => context.close())));
    afterAll(async () => {
      await browser?.close();
      await system?.stop();
    });
    const get = <T>(part: T | undefined): T => {
      if (!part) throw new Error("The console starts before the first test");
      return part;
    };
    declare({
      get system() {
        return get(system);
      },
      open: (path, look) => openConsole(get(browser), get(system), path, look),
      openAs: (role, path, look) => openAs(get(browser), get(system), role, path, look),
    });
  });
}

/** Opens a page of the console. `faults` collects breaches of its content security policy and errors of its scripts. */
export async function openConsole(
  browser: Browser,
  system: System,
  path = "/admin/",
  { language = "en", width = 1280, colorScheme = "light" }: Look = {},
): Promise<ConsolePage> {
  const context = await browser.newContext({
    ...{ viewport: { width, height: 844 }, colorScheme, locale: language },
    reducedMotion: "reduce",
    baseURL: system.apiUrl,
  });
  context.setDefaultTimeout(stepTimeoutMs);
  const page = await openPage(context);
  await page.goto(path);
  return page;
}

/** Opens another tab of the same browser. */
export async function openPage(context: BrowserContext): Promise<ConsolePage> {
  const faults: string[] = [];
  const page = Object.assign(await context.newPage(), { faults });
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    if (/Content Security Policy|Refused to/i.test(message.text())) faults.push(message.text());
  });
  return page;
}

/** Logs in with the keyboard, as an operator with a password manager would not. */
export async function logIn(page: Page, name: string, password = operatorPassword): Promise<void> {
  await page.locator("input[name=name]").fill(name);
  await page.locator("input[name=password]").fill(password);
  await page.keyboard.press("Enter");
}

/** Axe finds nothing, the page fits its width, its scripts and its policy agree, and no address holds a name. */
export async function expectSound(page: ConsolePage, screen: string): Promise<void> {
  const { width = 0 } = page.viewportSize() ?? {};
  if (shots) {
    await mkdir(shots, { recursive: true });
    await page.screenshot({ path: join(shots, `${screen}-${width}.png`), fullPage: true });
  }
  await page.evaluate(axe.source);
  const violations = await page.evaluate(
    "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes[0].html))",
  );
  expect([screen, violations]).toEqual([screen, []]);
  expect([screen, await page.evaluate("document.documentElement.scrollWidth")]).toEqual([screen, width]);
  expect([screen, page.faults]).toEqual([screen, []]);
  expect(page.url()).not.toMatch(/@|%40|example/);
}

/** Opens a page of the console and logs in as the operator of a role. */
export async function openAs(
  browser: Browser,
  system: System,
  role: keyof typeof operators,
  path: string,
  look: Look = {},
): Promise<ConsolePage> {
  const page = await openConsole(browser, system, path, look);
  await logIn(page, operators[role]);
  // On a phone the navigation is hidden.
  await page.locator("nav").waitFor({ state: "attached" });
  return page;
}
