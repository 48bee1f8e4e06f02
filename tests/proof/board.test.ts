import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeOnBackends } from "../harness/backends.ts";
import { describeInBrowser } from "../harness/browser.ts";
import {
  ensure,
  postWebhook,
  readDeadLetters,
  readQueueCounts,
  readRows,
  untilDeadLetter,
  untilIdle,
  untilProfile,
} from "../harness/calls.ts";
import { admin, openAsOperator } from "../harness/operators.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

describeOnBackends((backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend });
    await postWebhook(system, "not json");
    await waitFor("a dead letter", async () =>
      (await readDeadLetters(system)).length > 0 ? true : undefined,
    );
    await waitFor("all queues on the board", async () => {
      const { body } = await callAdmin(system, "/admin/queues/api/queues");
      return (body as { queues: unknown[] }).queues.length === 4 ? true : undefined;
    });
  });
  afterAll(() => system?.stop());

  const board = (path: string, options?: Parameters<typeof callAdmin>[2]) =>
    callAdmin(system, `/admin/queues${path}`, options);

  test.each(["/api/redis/stats", "/api/queues/sync/workers"])(
    "%s, which describes the database behind the queues, does not exist",
    async (path) => {
      expect((await board(path)).status).toBe(404);
    },
  );

  test("the board never shows the database's address, version or clients", async () => {
    const { body } = await board("/api/queues?activeQueue=dead-letter&status=waiting&page=1");
    expect(JSON.stringify(body)).not.toMatch(/127\.0\.0\.1|redis_version|PostgreSQL \d|"addr"/);
  });

  test.each([
    ["PUT", "/api/queues/sync/pause"],
    ["PUT", "/api/queues/pause"],
    ["PUT", "/api/queues/dead-letter/empty"],
    ["PUT", "/api/queues/dead-letter/obliterate"],
    ["POST", "/api/queues/sync/add"],
    ["PATCH", "/api/queues/dead-letter/1/update-data"],
  ])("read-only by default: %s %s does not exist", async (method, path) => {
    expect((await board(path, { method, body: {} })).status).toBe(404);
    expect((await readDeadLetters(system)).length).toBe(1);
  });

  describeInBrowser("in a browser", {}, (openBrowser) => {
    let browser: Browser;
    let page: Page;
    const complaints: string[] = [];
    beforeAll(async () => {
      browser = await openBrowser();
    });
    afterAll(() => browser?.close());
    beforeEach(async () => {
      page = await openAsOperator(browser, system, admin);
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error") complaints.push(message.text());
      });
      page.on("request", (request) => {
        if (!request.url().startsWith(system.apiUrl) && !request.url().startsWith("data:"))
          complaints.push(`asked ${request.url()}`);
      });
    });
    afterEach(async () => {
      await page.context().close();
      expect(complaints.splice(0)).toEqual([]);
    });

    test("the four queues are there, and a dead letter can be read, without an error in the console", async () => {
      await page.goto(`${system.apiUrl}/admin/queues`);
      for (const name of ["ensure", "sync", "reconcile", "dead-letter"])
        await page.getByRole("link", { name }).first().waitFor();
      await page.getByRole("link", { name: "dead-letter" }).first().click();
      await page.getByText("webhook.unreadable").first().waitFor();
      await page.getByText("sha256").first().waitFor();
      // The panel with the queue's details sends more requests than the page.
      await page.locator("header button").nth(1).click();
      await page.getByRole("dialog").waitFor();
      await page.waitForLoadState("networkidle");
    });

    test("the board shows a dead letter until it is replayed", async () => {
      await system.db.query("alter table users add constraint no_poison check (email not like 'poison%')");
      const person = await system.clerk.users.create({ email: "poison@example.com" }, { silent: true });
      await ensure(system, person.id);
      const letter = await untilDeadLetter(system, person.id);
      expect(letter).toContain("user.rejected");
      await page.goto(`${system.apiUrl}/admin/queues/queue/dead-letter?status=waiting`);
      await page.getByText("user.rejected").first().waitFor();
      await page.getByText(person.id).first().waitFor();
      await system.db.query("alter table users drop constraint no_poison");
      const replay = { method: "POST", body: { code: "user.rejected" } };
      expect((await callAdmin(system, "/api/admin/dead-letters/replay", replay)).status).toBe(200);
      await untilProfile(system, person.id);
      // The board polls.
      await page.getByText(person.id).first().waitFor({ state: "detached" });
      await page.getByText("webhook.unreadable").first().waitFor();
    });

    test("has no control that writes, and nothing about the database behind it", async () => {
      await page.goto(`${system.apiUrl}/admin/queues/queue/dead-letter?status=waiting`);
      await page.getByText("webhook.unreadable").first().waitFor();
      expect(await page.getByRole("button", { name: /retry|clean|promote|pause|empty/i }).count()).toBe(0);
      expect(await page.getByText(/redis|postgres/i).count()).toBe(0);
    });
  });
});

describe("with BOARD_READ_ONLY=false", () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ backend: "postgres", environment: { BOARD_READ_ONLY: "false" } });
    await waitFor("all queues on the board", async () => {
      const { body } = await callAdmin(system, "/admin/queues/api/queues");
      return (body as { queues: unknown[] }).queues.length === 4 ? true : undefined;
    });
  });
  afterAll(() => system?.stop());

  const write = (method: string, path: string, options: Parameters<typeof callAdmin>[2] = {}) =>
    callAdmin(system, `/admin/queues${path}`, { method, ...options });

  test("a write of the board itself is done, and one that another site began is refused", async () => {
    const pause = (headers: Record<string, string>) =>
      write("PUT", "/api/queues/reconcile/pause", { headers });
    for (const headers of [{ "sec-fetch-site": "cross-site" }, { origin: "https://evil.example" }])
      expect((await pause(headers as Record<string, string>)).status).toBe(403);
    expect((await pause({ "sec-fetch-site": "same-origin" })).status).toBe(200);
    expect(await readQueueCounts(system, "reconcile")).toMatchObject({ failed: 0 });
  });

  test("no write adds a job or changes a payload, so a live user is not deleted through the board", async () => {
    const person = await system.clerk.users.create();
    await untilProfile(system, person.id);
    await untilIdle(system, "sync");
    const before = await readQueueCounts(system, "sync");
    const payload = { v: 1, kind: "delete", clerkId: person.id, cause: "webhook", eventAtMs: 0 };
    const forged = { name: "delete", data: { ...payload, delivery: "msg_forged" }, options: {} };
    for (const queue of ["ensure", "sync", "reconcile", "dead-letter"])
      expect((await write("POST", `/api/queues/${queue}/add`, { body: forged })).status).toBe(404);
    const others = [
      ["PATCH", "/api/queues/sync/1/update-data", { jobData: payload }],
      ["PATCH", "/api/queues/reconcile/job-schedulers/full", { every: 1 }],
      ["PUT", "/api/queues/reconcile/job-schedulers/full/run", {}],
    ] as const;
    for (const [method, path, body] of others) expect((await write(method, path, { body })).status).toBe(404);
    expect(await readQueueCounts(system, "sync")).toEqual(before);
    const { users } = await readRows(system, person.id);
    expect(users).toMatchObject([{ deleted_at: null }]);
  });

  test.each(["retry/failed", "clean/completed", "promote"])("%s of a queue exists", async (action) => {
    expect((await write("PUT", `/api/queues/sync/${action}`, { body: {} })).status).toBe(200);
  });

  describeInBrowser("in a browser", {}, (openBrowser) => {
    test("nothing can be seen that leads to a write that does not exist, such as a form for a new job", async () => {
      await postWebhook(system, "not json");
      const browser = await openBrowser();
      const page = await openAsOperator(browser, system, admin);
      await page.goto(`${system.apiUrl}/admin/queues/queue/dead-letter?status=waiting`);
      await page.getByText("webhook.unreadable").first().waitFor();
      // Of the job's own buttons, only the one that removes it is left.
      expect(await page.locator("main button:visible .lucide:not(.lucide-copy)").count()).toBe(2);
      await page.locator("main button:visible .lucide-trash-2").waitFor();
      await page.locator("main button[aria-haspopup=menu]").first().click();
      await page.getByRole("menuitem", { name: "Empty" }).waitFor();
      expect(await page.locator("[role=menuitem]:visible").allInnerTexts()).toEqual(["Pause", "Empty"]);
      const displays = await page.evaluate(`["add-job-form", "edit-job-data-form"].map((id) => {
        const form = document.body.appendChild(Object.assign(document.createElement("form"), { id }));
        return getComputedStyle(form).display;
      })`);
      expect(displays).toEqual(["none", "none"]);
      await browser.close();
    });

    test("a write by the board's own page carries the CSRF token of its session", async () => {
      const browser = await openBrowser();
      const page = await openAsOperator(browser, system, admin);
      await page.goto(`${system.apiUrl}/admin/queues/queue/ensure`);
      await page.getByRole("link", { name: "dead-letter" }).first().waitFor();
      await page.locator("main button[aria-haspopup=menu]").first().click();
      const answered = page.waitForResponse((response) => response.request().method() === "PUT");
      await page.getByRole("menuitem", { name: "Pause" }).click();
      await page.getByRole("button", { name: "Confirm" }).click();
      expect((await answered).status()).toBe(200);
      await browser.close();
    });
  });
});
