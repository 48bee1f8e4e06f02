import { readFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeInBrowser } from "../harness/browser.ts";
import { untilDeadLetter, untilProfile } from "../harness/calls.ts";
import { expectSound, makeOperators, openAs, operators } from "../harness/console.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** Many times what a page needs on a busy machine. */
const slack = { timeout: 60_000 };

describeInBrowser("the console's list of users", { timeout: 240_000 }, (openBrowser) => {
  let system: System;
  let browser: Browser;

  beforeAll(async () => {
    system = await startSystem({
      backend: "postgres",
      environment: { ADMIN_OPERATORS: await makeOperators() },
    });
    browser = await openBrowser();
    await signUp(60, "neon");
    await signUp(5, "estrutura");
  });
  afterAll(async () => {
    await browser?.close();
    await system?.stop();
  });

  /** Adds users of a turma, and waits for their profiles. */
  async function signUp(count: number, turma: string): Promise<string[]> {
    const people = await Promise.all(
      Array.from({ length: count }, (_, index) =>
        system.clerk.users.create({
          ...{ firstName: "Bia", lastName: `${turma} ${index}`, email: `bia.${turma}.${index}@example.com` },
          publicMetadata: { turma },
        }),
      ),
    );
    const ids = people.map(({ id }) => id);
    await waitFor(`profiles of ${count} users`, async () => {
      const found = await system.db.query(
        "select from mentorados m join users u on u.id = m.user_id where u.clerk_id = any ($1)",
        [ids],
      );
      return found.rowCount === count ? true : undefined;
    });
    return ids;
  }

  const countTier = async (turma: string, tier: string): Promise<number> =>
    (
      await system.db.query(
        "select from users u join mentorados m on m.user_id = u.id where m.turma = $1 and u.tier = $2",
        [turma, tier],
      )
    ).rowCount ?? 0;

  const countTurma = async (turma: string): Promise<number> =>
    (await system.db.query("select from mentorados where turma = $1 and user_id is not null", [turma]))
      .rowCount ?? 0;

  const rows = (page: Page) => page.getByRole("table", { name: "Users" }).locator("tbody tr");

  test("a search finds a person, and its text is in no address, no title and no log", async () => {
    const { id } = await system.clerk.users.create({
      ...{ firstName: "Zulmira", lastName: "Quartzo", email: "zulmira@example.com" },
    });
    await untilProfile(system, id);
    const page = await openAs(browser, system, "viewer", "/admin/users");
    await page.getByRole("searchbox").fill("zulmira@ex");
    await page.keyboard.press("Enter");
    await page.getByText("1 user", { exact: true }).waitFor(slack);
    await expect.poll(() => rows(page).count(), slack).toBe(1);
    await expectSound(page, "users-search");
    await page.getByRole("link", { name: "Zulmira Quartzo" }).click();
    await page.getByRole("heading", { level: 1, name: "Zulmira Quartzo" }).waitFor(slack);
    expect(page.url()).toBe(`${system.apiUrl}/admin/users/${id}`);
    expect(await page.title()).not.toMatch(/zulmira/i);

    await page.goBack();
    await page.getByText("1 user", { exact: true }).waitFor(slack);
    expect(await page.getByRole("searchbox").inputValue()).toBe("zulmira@ex");
    // Work with the keyboard goes on where it was.
    await expect
      .poll(() => page.evaluate("document.activeElement.textContent"), slack)
      .toBe("Zulmira Quartzo");
    expect(`${page.url()} ${await page.title()}`).not.toMatch(/zulmira|%40|@/i);
    expect(system.api.output()).not.toMatch(/zulmira/i);
    await page.context().close();
  });

  test("deleted users are in no selection, and the bar and the dialog say the same number", async () => {
    const people = await signUp(3, "apagada");
    await system.clerk.users.delete(people[0] ?? "");
    await waitFor("the tombstone", async () => {
      const found = await system.db.query(
        "select from users where clerk_id = $1 and deleted_at is not null",
        [people[0]],
      );
      return found.rowCount === 1 ? true : undefined;
    });
    const page = await openAs(browser, system, "admin", "/admin/users?state=deleted");
    await page.getByText("1 user", { exact: true }).waitFor(slack);
    const tick = page.getByRole("checkbox", { name: "Deleted users are never changed." });
    expect(await tick.isDisabled()).toBe(true);
    await page.getByRole("button", { name: "Clear all" }).click();
    await page.getByText("50 shown").waitFor(slack);
    await page.getByRole("button", { name: "Select all that match" }).click();
    const live = await system.db.query("select from users where deleted_at is null");
    await page.getByText(`${live.rowCount} users selected, all that match.`).waitFor(slack);
    await page.getByRole("button", { name: "Change tier" }).click();
    await page.getByRole("dialog").getByText(`${live.rowCount} users match.`).waitFor(slack);
    await page.context().close();
  });

  test("a person whose job failed for good is named among the dead letters, to which an empty search leads", async () => {
    await system.db.query(
      "alter table users add constraint no_school check (email not like '%@school.example')",
    );
    const email = "vanda@school.example";
    const { id } = await system.clerk.users.create({ firstName: "Vanda", lastName: "Reis", email });
    await untilDeadLetter(system, id);
    const page = await openAs(browser, system, "operator", "/admin/users");
    await page.getByRole("searchbox").fill("vanda");
    await page.keyboard.press("Enter");
    await page.getByText("1 dead letter waits").waitFor(slack);
    await expectSound(page, "users-empty");
    await page.getByRole("link", { name: "Look among the dead letters" }).click();
    const row = page.getByRole("table", { name: "Dead letters" }).locator("tbody tr");
    await row.filter({ hasText: email }).filter({ hasText: "23514 · users · no_school" }).waitFor(slack);
    await expectSound(page, "dead-letters-named");
    await page.getByRole("link", { name: "Vanda Reis" }).click();
    await page.getByText("Postgres refused: 23514 · users · no_school").waitFor(slack);
    await page.getByRole("table", { name: "Timeline" }).getByText("Job failed for good").waitFor(slack);
    await expectSound(page, "user-dead-letter");
    await system.db.query("alter table users drop constraint no_school");
    expect(`${system.api.output()} ${system.worker.output()}`).not.toMatch(/vanda/i);
    await page.context().close();
  });

  test("filters combine, also two that are chosen at one moment, and stand in the address; an email never does", async () => {
    const page = await openAs(
      browser,
      system,
      "viewer",
      "/admin/users?state=live&turma=estrutura&query=bia@example.com&tier=a@b.c",
    );
    await page.getByText("5 users, all of them").waitFor(slack);
    expect(new URL(page.url()).search).toBe("?state=live&turma=estrutura");

    const turma = page.getByLabel("Turma", { exact: true });
    await turma.fill("ana@example.com");
    await page.keyboard.press("Enter");
    await page.getByText("Use the search for emails").waitFor(slack);
    expect(new URL(page.url()).search).toBe("?state=live&turma=estrutura");

    await turma.fill("neon");
    await page.keyboard.press("Enter");
    await expect.poll(() => new URL(page.url()).searchParams.get("turma"), slack).toBe("neon");
    await page.getByText("50 shown").waitFor(slack);
    await page.getByRole("button", { name: "Show more" }).click();
    await page.getByText(/\d+ users, all of them/).waitFor(slack);

    const names = () => [...new URL(page.url()).searchParams.keys()];
    await page.evaluate("for (const box of document.querySelectorAll('.filter-checks input')) box.click()");
    await expect.poll(names, slack).toEqual(["state", "turma", "withoutProfile", "drifted"]);
    await page.goto("/admin/activity");
    await page.getByLabel("What happened").waitFor(slack);
    await page.evaluate(`for (const select of document.querySelectorAll(".filters select")) {
      select.selectedIndex = 1;
      select.dispatchEvent(new Event("change", { bubbles: true }));
    }`);
    await expect.poll(names, slack).toEqual(["kind", "cause"]);
    await page.context().close();
  });

  test("a column that no filter takes gets the server's sentence, and the filter can be removed", async () => {
    const page = await openAs(browser, system, "viewer", "/admin/users?nickname=x");
    await page.getByRole("alert").filter({ hasText: "nickname" }).waitFor(slack);
    await page.getByRole("button", { name: "Clear all" }).click();
    await page.getByText("50 shown").waitFor(slack);
    await page.context().close();
  });

  test("an admin changes the tier of all FREE users of one turma, and of no other user", async () => {
    const page = await openAs(browser, system, "admin", "/admin/users");
    await page.getByText("Filters", { exact: true }).click();
    await page.getByLabel("Tier", { exact: true }).fill("free");
    await page.keyboard.press("Enter");
    await page.getByLabel("Turma", { exact: true }).fill("neon");
    await page.keyboard.press("Enter");
    const free = await countTier("neon", "FREE");
    await page.getByRole("button", { name: "Select all that match" }).click();
    await page.getByText(`${free} users selected, all that match.`).waitFor(slack);
    await page.getByRole("button", { name: "Change tier" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(`${free} users match.`).waitFor(slack);
    await dialog.getByLabel("New tier").fill("pro");
    await dialog
      .getByText(/^Bia neon \d+: FREE → PRO$/)
      .first()
      .waitFor(slack);
    await dialog.getByText(`… and ${free - 5} more`).waitFor(slack);
    await expectSound(page, "users-bulk");
    await dialog.getByRole("button", { name: `Give ${free} users the tier PRO` }).click();

    const change = page.getByRole("article", { name: "Tier PRO" });
    await change.getByText("Done", { exact: true }).waitFor(slack);
    await change.getByText(`${free} of ${free}`).waitFor(slack);
    await page.getByText("After the bulk change no user matches this filter any more.").waitFor(slack);
    await expectSound(page, "users-bulk-done");
    await page
      .getByRole("region", { name: "Results" })
      .filter({ hasText: `${free} users are PRO now.` })
      .getByRole("link", { name: "All users with PRO" })
      .click();
    await expect.poll(() => rows(page).count(), slack).toBe(50);
    expect(new URL(page.url()).search).toBe("?tier=PRO");
    expect(await countTier("neon", "PRO")).toBe(free);

    await page.goto("/admin/audit");
    await page
      .getByRole("row", { name: new RegExp(`tier PRO · ${free} users · Tier: FREE · Turma: neon`) })
      .getByRole("link", { name: "see its tier changes" })
      .click();
    await page.getByText(/^Only events of bulk change \d+\./).waitFor(slack);
    const changed = page.getByRole("table", { name: "Activity" }).locator("tbody tr");
    await expect.poll(() => changed.count(), slack).toBe(50);
    const ofBia = changed.filter({ hasText: /Bia neon \d+/ }).first();
    expect(await ofBia.textContent()).toMatch(/Tier changed.*bulk change.*FREE → PRO/);
    await expectSound(page, "activity-bulk");
    expect(await countTier("estrutura", "FREE")).toBe(5);
    const audited = await system.db.query(
      "select ref, details from rollcall.events where kind = 'bulk_requested'",
    );
    expect(audited.rows).toEqual([{ ref: operators.admin, details: expect.anything() }]);
    await page.context().close();
  });

  test("when more users match by the time of the confirmation, nothing is done and the new number is shown", async () => {
    const page = await openAs(browser, system, "admin", "/admin/users?turma=estrutura");
    await page.getByRole("button", { name: "Select all that match" }).click();
    await page.getByRole("button", { name: "Change tier" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("New tier").fill("GOLD");
    await dialog.getByRole("button", { name: "Give 5 users the tier GOLD" }).waitFor(slack);
    await signUp(1, "estrutura");
    await dialog.getByRole("button", { name: "Give 5 users the tier GOLD" }).click();
    await dialog.getByRole("alert").filter({ hasText: "More users match by now" }).waitFor(slack);
    expect(await countTier("estrutura", "GOLD")).toBe(0);
    expect(await dialog.getByLabel("New tier").inputValue()).toBe("GOLD");
    await dialog.getByRole("button", { name: "Give 6 users the tier GOLD" }).click();
    await expect.poll(() => countTier("estrutura", "GOLD"), slack).toBe(6);
    await page.context().close();
  });

  test("an operator refreshes selected users, and is not offered a tier for several", async () => {
    const page = await openAs(browser, system, "operator", "/admin/users?turma=estrutura");
    await page.getByText(/users, all of them/).waitFor(slack);
    for (const index of [0, 1]) await rows(page).nth(index).getByRole("checkbox").check({ force: true });
    await page.getByText("2 users selected", { exact: true }).waitFor(slack);
    expect(await page.getByRole("button", { name: "Change tier" }).count()).toBe(0);
    await page
      .getByRole("region", { name: "Selection" })
      .getByRole("button", { name: "Fetch from Clerk" })
      .click();
    await page.getByRole("button", { name: "Fetch 2 users" }).click();
    const change = page.getByRole("article", { name: "Fetch from Clerk" });
    await change.getByText("2 of 2").waitFor(slack);
    await page.context().close();
  });

  test.each(["CSV", "JSON"])("the export as %s holds all users that match, and no other", async (format) => {
    const page = await openAs(browser, system, "viewer", "/admin/users?turma=estrutura");
    await page.getByText(/users, all of them/).waitFor(slack);
    const saved = page.waitForEvent("download", slack);
    await page.getByRole("button", { name: `Export ${format}` }).click();
    const download = await saved;
    const text = await readFile(await download.path(), "utf8");
    expect(new Set(text.match(/user_\w+/g)).size).toBe(await countTurma("estrutura"));
    expect(text).not.toContain("bia.neon");
    if (format === "CSV")
      expect(text.split("\r\n")[0]).toMatch(
        /^Row id,Clerk id,Email,.*,Profile: Full name,.*,Profile: Turma,/,
      );
    expect(download.suggestedFilename()).toMatch(new RegExp(`^users-.*\\.${format.toLowerCase()}$`));
    await page.context().close();
  });

  test("an export that breaks off saves no file and says so", async () => {
    const page = await openAs(browser, system, "viewer", "/admin/users");
    const files: string[] = [];
    page.on("download", (download) => files.push(download.suggestedFilename()));
    await page.route("**/users/export?**", (route) => route.abort("connectionreset"));
    await page.getByRole("button", { name: "Export CSV" }).click();
    await page.getByText("The export broke off, and no file was saved").waitFor(slack);
    expect(files).toEqual([]);
    await page.context().close();
  });

  test("a viewer is offered no selection and no change", async () => {
    const page = await openAs(browser, system, "viewer", "/admin/users");
    await page.getByText("50 shown").waitFor(slack);
    expect(await page.getByRole("checkbox").count()).toBe(0);
    await expectSound(page, "users");
    expect(await page.getByRole("button", { name: /Select all|Fetch|tier/i }).count()).toBe(0);
    await page.context().close();
  });
});
