import type { Page, Request } from "playwright-core";
import { expect, test } from "vitest";
import {
  describeConsole,
  expectSound,
  logIn,
  openPage,
  operatorPassword,
  operators,
} from "../harness/console.ts";

const pages = [
  ...["", "users", "activity", "dead-letters", "conflicts", "runs", "alerts", "audit"],
  // The last one: its title is checked.
  "operators",
];

/** Waits until an element of this kind with this text has the focus. */
const expectFocus = (page: Page, tag: string, text: string) =>
  expect
    .poll(() =>
      page.locator(":focus").evaluateAll((all) => all.map((one) => `${one.tagName} ${one.textContent}`)),
    )
    .toEqual([expect.stringMatching(new RegExp(`^${tag} .*${text}$`))]);

describeConsole("the console", {}, (its) => {
  test.each([
    { language: "en", wrong: /^The name or the password is wrong.$/, title: "Overview" },
    { language: "pt-BR", wrong: /^O nome ou a senha não confere.$/, title: "Visão geral" },
  ] as const)(
    "a wrong login says what to do, and Enter logs in ($language)",
    async ({ language, wrong, title }) => {
      const page = await its.open("/admin/", { language, width: 360 });
      await page.locator("input[name=name]").waitFor();
      expect(await page.locator("html").getAttribute("lang")).toBe(language);
      await expectSound(page, `login-${language}`);
      await logIn(page, operators.admin, "not the password");
      await page.getByRole("alert").filter({ hasText: wrong }).waitFor();
      await expectSound(page, `login-wrong-${language}`);
      expect(await page.locator("input[name=name]").inputValue()).toBe(operators.admin);
      await logIn(page, operators.admin);
      await page.getByRole("heading", { level: 1, name: title }).waitFor();
    },
  );

  test("a login while the api is away says so, and works when it is back", async () => {
    const page = await its.open();
    await page.locator("input[name=name]").waitFor();
    await page.route("**/admin/login", (route) => route.abort());
    await logIn(page, operators.viewer);
    await page.getByRole("alert").filter({ hasText: "Rollcall does not answer" }).waitFor();
    await page.unroute("**/admin/login");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  });

  test.each([
    { language: "en", width: 1280, colorScheme: "light" },
    { language: "en", width: 360, colorScheme: "dark" },
    { language: "pt-BR", width: 1280, colorScheme: "dark" },
    { language: "pt-BR", width: 360, colorScheme: "light" },
  ] as const)("each page is accessible and fits ($language, $width px, $colorScheme)", async (look) => {
    const page = await its.open("/admin/", look);
    await logIn(page, operators.admin);
    await page.locator("nav").waitFor({ state: "attached" });
    for (const name of pages) {
      await page.goto(`/admin/${name}`);
      await page.locator("h1").waitFor();
      await page.locator(".loading").first().waitFor({ state: "detached" });
      await page.locator(".live-mark[data-state=live]").waitFor();
      await expectSound(page, `${name || "overview"}-${look.language}-${look.colorScheme}`);
      expect(await page.locator(".problem").count(), name).toBe(0);
    }
    expect(await page.title()).toMatch(/^(Operators|Operadores) · Rollcall$/);
  });

  test("a page that is left open reads what changes and does not prolong the session, until it is used", async () => {
    const page = await its.open();
    const inUse = new Set<Request>();
    page.on("request", (request) => {
      if (request.headers()["x-rollcall-console"] === "1") inUse.add(request);
    });
    page.on("requestfinished", (request) => inUse.delete(request));
    page.on("requestfailed", (request) => inUse.delete(request));
    await logIn(page, operators.viewer);
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.locator(".live-mark[data-state=live]").waitFor();
    // The operator leaves, and more than a minute passes.
    await page.evaluate(
      "{ const now = performance.now; performance.now = () => now.call(performance) + 61_000; }",
    );
    // Each of the requests from before still counts as use.
    await expect.poll(() => inUse.size).toBe(0);
    const sevenHoursAgo = `update rollcall.admin_sessions set last_seen_at = now() - interval '7 hours'
      where operator = '${operators.viewer}'`;
    const countInUse = async () => {
      const { rows } = await its.system.db.query(
        `select from rollcall.admin_sessions
         where operator = '${operators.viewer}' and last_seen_at > now() - interval '6 hours'`,
      );
      return rows.length;
    };
    await its.system.db.query(sevenHoursAgo);
    const answered = page.waitForResponse(
      (response) => response.request().headers()["x-rollcall-console"] === "background" && response.ok(),
    );
    await its.system.db.query(
      "insert into rollcall.events (clerk_id, kind, cause) values ('user_left_open', 'user_created', 'webhook')",
    );
    await answered;
    expect(await countInUse()).toBe(0);

    await page.getByRole("link", { name: "Users" }).first().click();
    await page.getByRole("heading", { level: 1, name: "Users" }).waitFor();
    await expect.poll(countInUse).toBe(1);
  });

  test("the keyboard alone reaches content, pages, a dialog and the logout", async () => {
    const page = await its.open();
    await page.locator("input[name=name]").waitFor();
    // The name has the focus from the start.
    await page.keyboard.type(operators.operator);
    await page.keyboard.press("Tab");
    await page.keyboard.type(operatorPassword);
    await page.keyboard.press("Enter");
    await expectFocus(page, "H1", "Overview");

    await page.locator(".skip").focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => page.evaluate("document.activeElement.id")).toBe("content");

    await page.getByRole("link", { name: "Operators" }).focus();
    await page.keyboard.press("Enter");
    // A screen reader reads the new page from its beginning, and the ring shows where the keyboard is.
    await expectFocus(page, "H1", "Operators");
    expect(await page.locator("h1").evaluate((heading) => heading.matches(":focus-visible"))).toBe(true);

    const own = page.getByRole("region", { name: operators.operator });
    const end = own.getByRole("button", { name: "End session" }).first();
    await end.focus();
    // The page changes in each frame, as one does that reads news while a dialog closes.
    await page.evaluate(
      `{
        const change = () => {
          document.body.append(document.createElement("template"));
          document.body.lastChild.remove();
          requestAnimationFrame(change);
        };
        change();
      }`,
    );
    for (let time = 0; time < 8; time++) {
      await page.keyboard.press("Enter");
      await page.getByRole("dialog").waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      await expectFocus(page, "BUTTON", "End session");
    }
    expect(await end.evaluate((button) => button === button.ownerDocument.activeElement)).toBe(true);

    await page.getByRole("button", { name: "Log out" }).focus();
    await page.keyboard.press("Enter");
    await page.locator("input[name=password]").waitFor();
    await page.goBack();
    await page.locator("input[name=password]").waitFor();
  });

  test("Escape closes the menu of a phone and gives its button the focus", async () => {
    const page = await its.open("/admin/alerts", { width: 360 });
    await logIn(page, operators.viewer);
    const link = page.getByRole("link", { name: "Runs" });
    await page.getByRole("button", { name: "Menu" }).click();
    await link.waitFor();
    await link.focus();
    await page.keyboard.press("Escape");
    await link.waitFor({ state: "hidden" });
    await expectFocus(page, "BUTTON", "Menu");
  });

  test("filters look the same before and after the page of users was open", async () => {
    const page = await its.open("/admin/activity");
    await logIn(page, operators.viewer);
    const measure = async () => {
      const field = page.getByLabel("Clerk id");
      await field.waitFor();
      const box = await field.boundingBox();
      return box && { y: box.y, width: box.width };
    };
    const before = await measure();
    await page.getByRole("link", { name: "Users", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "Users" }).waitFor();
    await page.getByRole("link", { name: "Activity" }).click();
    await page.getByRole("heading", { level: 1, name: "Activity" }).waitFor();
    expect(await measure()).toEqual(before);
  });

  test("a viewer is not offered to end the session of another operator", async () => {
    const other = await its.open();
    await logIn(other, operators.admin);
    await other.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    const page = await its.open();
    await logIn(page, operators.viewer);
    await page.getByText("viewer", { exact: true }).waitFor();
    await page.getByRole("link", { name: "Operators" }).click();
    const region = (name: string) => page.getByRole("region", { name });
    await region(operators.admin).getByText("Started").first().waitFor();
    expect(await region(operators.admin).getByRole("button").count()).toBe(0);
    expect(await region(operators.viewer).getByRole("button").count()).toBeGreaterThan(0);
  });

  test("after the session ended, the login stands above the page, which keeps what was typed", async () => {
    const page = await its.open("/admin/activity");
    await logIn(page, operators.operator);
    const typed = page.getByLabel("Clerk id");
    await typed.waitFor();
    await typed.fill("user_typed");
    await its.system.db.query("delete from rollcall.admin_sessions where operator = $1", [
      operators.operator,
    ]);
    // The live stream ends with its session.
    const dialog = page.getByRole("dialog", { name: "Your session has ended" });
    await dialog.waitFor();
    await expectSound(page, "expired");
    await page.keyboard.press("Escape");
    expect(await dialog.isVisible()).toBe(true);
    await logIn(page, operators.operator);
    await dialog.waitFor({ state: "detached" });
    expect(await typed.inputValue()).toBe("user_typed");
  });

  test("a tab whose session another tab replaced goes on, and writes with the new token", async () => {
    const page = await its.open();
    await logIn(page, operators.operator);
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    const second = await openPage(page.context());
    await second.goto("/admin/operators");
    await second.getByRole("button", { name: "Log out" }).click();
    await second.locator("input[name=name]").waitFor();
    await logIn(second, operators.operator);
    await second.getByRole("button", { name: "Log out" }).waitFor();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.locator("input[name=password]").waitFor();
    expect([page.faults, second.faults]).toEqual([[], []]);
  });

  test("an event appears without a reload, and is shown when the operator asks for it", async () => {
    const page = await its.open("/admin/activity");
    await logIn(page, operators.viewer);
    await page.getByRole("table").waitFor();
    await page.locator(".live-mark[data-state=live]").waitFor();
    await page.getByLabel("What happened").selectOption({ label: "User created" });
    await page.waitForURL(/[?&]kind/);
    const events = page.getByRole("table").locator("tbody tr");
    const others = events.filter({ hasNotText: "User created" });
    await expect.poll(() => others.count()).toBe(0);
    const { id } = await its.system.clerk.users.create({ firstName: "Live", email: "live@example.com" });
    await page.getByRole("button", { name: /^Show \d+ new$/ }).click();
    await page.getByRole("row").filter({ hasText: id }).getByRole("link", { name: "Live" }).waitFor();
    await expectSound(page, "live");
  });

  test("a page that lost the api says so, and is up to date again by itself", async () => {
    const page = await its.open("/admin/operators");
    await logIn(page, operators.admin);
    await page.getByRole("region", { name: operators.viewer }).waitFor();
    await page.locator(".live-mark[data-state=live]").waitFor();
    await its.system.api.stop("SIGKILL");
    await page.getByText("Rollcall does not answer").waitFor();
    // What was loaded stays.
    expect(await page.getByRole("region", { name: operators.viewer }).isVisible()).toBe(true);
    await expectSound(page, "lost");
    its.system.api = its.system.startApi();
    await page.getByText("Rollcall does not answer").waitFor({ state: "detached" });
    await page.locator(".live-mark[data-state=live]").waitFor();
  });

  test("a page whose api lost Postgres says so, and recovers by itself", async () => {
    const page = await its.open();
    await logIn(page, operators.admin);
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await its.system.postgres.stop("immediate");
    await page.getByRole("link", { name: "Runs" }).click();
    await page.locator(".problem").first().waitFor();
    await expectSound(page, "postgres-down");
    await its.system.restartPostgres();
    await page.getByRole("table").first().waitFor();
    await page.getByRole("alert").first().waitFor({ state: "detached" });
  });
});
