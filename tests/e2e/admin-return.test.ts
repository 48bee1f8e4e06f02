import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeInBrowser } from "../harness/browser.ts";
import { logIn, openConsole } from "../harness/console.ts";
import { admin, openAsOperator } from "../harness/operators.ts";
import { type System, startSystem } from "../harness/system.ts";

const deadline = { timeout: 60_000 };

describeInBrowser("a login in the console", { timeout: 240_000 }, (openBrowser) => {
  let system: System;
  let browser: Browser;
  beforeAll(async () => {
    system = await startSystem({ backend: "postgres" });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await system?.stop();
  });

  test("leads back to the page of the board that was opened, and the board's own requests have the session", async () => {
    const page = await openConsole(browser, system, "/admin/queues/queue/sync?status=failed");
    await page.locator("input[name=name]").waitFor(deadline);
    expect(new URL(page.url()).pathname).toBe("/admin/login");
    await logIn(page, admin.name, admin.password);
    await page.waitForURL(`${system.apiUrl}/admin/queues/queue/sync?status=failed`, deadline);
    await page.getByRole("link", { name: "dead-letter" }).first().waitFor(deadline);
    await page.context().close();
  });

  test.each([
    "https://evil.example/admin/",
    "//evil.example",
    "/\\evil.example",
    "/api/admin/users/export",
    "javascript:alert(1)",
  ])("leads to the overview instead of %s", async (wanted) => {
    const page = await openAsOperator(browser, system, admin);
    const elsewhere: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(system.apiUrl)) elsewhere.push(request.url());
    });
    await page.goto(`${system.apiUrl}/admin/login?return=${encodeURIComponent(wanted)}`);
    await page.waitForURL(`${system.apiUrl}/admin/`, deadline);
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor(deadline);
    expect(elsewhere).toEqual([]);
    await page.context().close();
  });

  test("is not asked for again when another site links to the board", async () => {
    const page = await openAsOperator(browser, system, admin);
    const other = createServer((_request, response) =>
      response
        .writeHead(200, { "content-type": "text/html" })
        .end(`<a href="${system.apiUrl}/admin/queues">the board</a>`),
    );
    await once(other.listen(0, "127.0.0.1"), "listening");
    // Another name of this machine is another site.
    await page.goto(`http://localhost:${(other.address() as AddressInfo).port}`);
    await page.getByRole("link").click();
    await page.waitForURL(`${system.apiUrl}/admin/queues`, deadline);
    await page.getByRole("link", { name: "dead-letter" }).first().waitFor(deadline);
    await page.context().close();
    other.close();
  });
});
