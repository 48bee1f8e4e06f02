import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { untilDeadLetter, untilProfile } from "../harness/calls.ts";
import { describeConsole, expectSound, operators } from "../harness/console.ts";
import { waitFor } from "../harness/wait-for.ts";

describeConsole("the console's list of users", {}, (its) => {
  beforeAll(async () => {
    await signUp(60, "neon");
    await signUp(5, "estrutura");
  });

  /** Adds users of a turma, and waits for their profiles. */
  async function signUp(count: number, turma: string): Promise<string[]> {
    const people = await Promise.all(
      Array.from({ length: count }, (_, index) =>
        its.system.clerk.users.create({
          ...{ firstName: "Bia", lastName: `${turma} ${index}`, email: `bia.${turma}.${index}@example.com` },
          publicMetadata: { turma },
        }),
      ),
    );
    const ids = people.map(({ id }) => id);
    await waitFor(`profiles of ${count} users`, async () => {
      const found = await its.system.db.query(
        "select from mentorados m join users u on u.id = m.user_id where u.clerk_id = any ($1)",
        [ids],
      );
      return found.rowCount === count ? true : undefined;
    });
    return ids;
  }

  const countTier = async (turma: string, tier: string): Promise<number> =>
    (
      await its.system.db.query(
        "select from users u join mentorados m on m.user_id = u.id where m.turma = $1 and u.tier = $2",
        [turma, tier],
      )
    ).rowCount ?? 0;

  const countTurma = async (turma: string): Promise<number> =>
    (await its.system.db.query("select from mentorados where turma = $1 and user_id is not null", [turma]))
      .rowCount ?? 0;

  const rows = (page: Page) => page.getByRole("table", { name: "Users" }).locator("tbody tr");

  test("a search finds a person, and its text is in no address, no title and no log", async () => {
    const { id } = await its.system.clerk.users.create({
      ...{ firstName: "Zulmira", lastName: "Quartzo", email: "zulmira@example.com" },
    });
    await untilProfile(its.system, id);
    const page = await its.openAs("viewer", "/admin/users");
    await page.getByRole("searchbox").fill("zulmira@ex");
    await page.keyboard.press("Enter");
    await page.getByText("1 user", { exact: true }).waitFor();
    await expect.poll(() => rows(page).count()).toBe(1);
    await expectSound(page, "users-search");
    await page.getByRole("link", { name: "Zulmira Quartzo" }).click();
    await page.getByRole("heading", { level: 1, name: "Zulmira Quartzo" }).waitFor();
    expect(page.url()).toBe(`${its.system.apiUrl}/admin/users/${id}`);
    expect(await page.title()).not.toMatch(/zulmira/i);

    await page.goBack();
    await page.getByText("1 user", { exact: true }).waitFor();
    expect(await page.getByRole("searchbox").inputValue()).toBe("zulmira@ex");
    // Work with the keyboard goes on where it was.
    await expect.poll(() => page.evaluate("document.activeElement.textContent")).toBe("Zulmira Quartzo");
    expect(`${page.url()} ${await page.title()}`).not.toMatch(/zulmira|%40|@/i);
    expect(its.system.api.output()).not.toMatch(/zulmira/i);
  });

  test("deleted users are in no selection, and the bar and the dialog say the same number", async () => {
    const people = await signUp(3, "apagada");
    await its.system.clerk.users.delete(people[0] ?? "");
    await waitFor("the tombstone", async () => {
      const found = await its.system.db.query(
        "select from users where clerk_id = $1 and deleted_at is not null",
        [people[0]],
      );
      return found.rowCount === 1 ? true : undefined;
    });
    const page = await its.openAs("admin", "/admin/users?state=deleted");
    await page.getByText("1 user", { exact: true }).waitFor();
    const tick = page.getByRole("checkbox", { name: "Deleted users are never changed." });
    expect(await tick.isDisabled()).toBe(true);
    await page.getByRole("button", { name: "Clear all" }).click();
    await page.getByText("50 shown").waitFor();
    await page.getByRole("button", { name: "Select all that match" }).click();
    const live = await its.system.db.query("select from users where deleted_at is null");
    await page.getByText(`${live.rowCount} users selected, all that match.`).waitFor();
    await page.getByRole("button", { name: "Change tier" }).click();
    await page.getByRole("dialog").getByText(`${live.rowCount} users match.`).waitFor();
  });

  test("a person whose job failed for good is named among the dead letters, to which an empty search leads", async () => {
    await its.system.db.query(
      "alter table users add constraint no_school check (email not like '%@school.example')",
    );
    const email = "vanda@school.example";
    const { id } = await its.system.clerk.users.create({ firstName: "Vanda", lastName: "Reis", email });
    await untilDeadLetter(its.system, id);
    const page = await its.openAs("operator", "/admin/users");
    await page.getByRole("searchbox").fill("vanda");
    await page.keyboard.press("Enter");
    await page.getByText("1 dead letter waits").waitFor();
    await expectSound(page, "users-empty");
    await page.getByRole("link", { name: "Look among the dead letters" }).click();
    const row = page.getByRole("table", { name: "Dead letters" }).locator("tbody tr");
    await row.filter({ hasText: email }).filter({ hasText: "23514 · users · no_school" }).waitFor();
    await expectSound(page, "dead-letters-named");
    await page.getByRole("link", { name: "Vanda Reis" }).click();
    await page.getByText("Postgres refused: 23514 · users · no_school").waitFor();
    await page.getByRole("table", { name: "Timeline" }).getByText("Job failed for good").waitFor();
    await expectSound(page, "user-dead-letter");
    await its.system.db.query("alter table users drop constraint no_school");
    expect(`${its.system.api.output()} ${its.system.worker.output()}`).not.toMatch(/vanda/i);
  });

  test("filters combine, also two that are chosen at one moment, and stand in the address; an email never does", async () => {
    const page = await its.openAs(
      "viewer",
      "/admin/users?state=live&turma=estrutura&query=bia@example.com&tier=a@b.c",
    );
    await page.getByText("5 users, all of them").waitFor();
    expect(new URL(page.url()).search).toBe("?state=live&turma=estrutura");

    const turma = page.getByLabel("Turma", { exact: true });
    await turma.fill("ana@example.com");
    await page.keyboard.press("Enter");
    await page.getByText("Use the search for emails").waitFor();
    expect(new URL(page.url()).search).toBe("?state=live&turma=estrutura");

    await turma.fill("neon");
    await page.keyboard.press("Enter");
    await expect.poll(() => new URL(page.url()).searchParams.get("turma")).toBe("neon");
    await page.getByText("50 shown").waitFor();
    await page.getByRole("button", { name: "Show more" }).click();
    await page.getByText(/\d+ users, all of them/).waitFor();

    const names = () => [...new URL(page.url()).searchParams.keys()];
    await page.evaluate("for (const box of document.querySelectorAll('.filter-checks input')) box.click()");
    await expect.poll(names).toEqual(["state", "turma", "withoutProfile", "drifted"]);
    await page.goto("/admin/activity");
    await page.getByLabel("What happened").waitFor();
    await page.evaluate(`for (const select of document.querySelectorAll(".filters select")) {
      select.selectedIndex = 1;
      select.dispatchEvent(new Event("change", { bubbles: true }));
    }`);
    await expect.poll(names).toEqual(["kind", "cause"]);
  });

  test("a column that no filter takes gets the server's sentence, and the filter can be removed", async () => {
    const page = await its.openAs("viewer", "/admin/users?nickname=x");
    await page.getByRole("alert").filter({ hasText: "nickname" }).waitFor();
    await page.getByRole("button", { name: "Clear all" }).click();
    await page.getByText("50 shown").waitFor();
  });

  test("an admin changes the tier of all FREE users of one turma, and of no other user", async () => {
    const page = await its.openAs("admin", "/admin/users");
    await page.getByText("Filters", { exact: true }).click();
    await page.getByLabel("Tier", { exact: true }).fill("free");
    await page.keyboard.press("Enter");
    await page.getByLabel("Turma", { exact: true }).fill("neon");
    await page.keyboard.press("Enter");
    const free = await countTier("neon", "FREE");
    await page.getByRole("button", { name: "Select all that match" }).click();
    await page.getByText(`${free} users selected, all that match.`).waitFor();
    await page.getByRole("button", { name: "Change tier" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText(`${free} users match.`).waitFor();
    await dialog.getByLabel("New tier").fill("pro");
    await dialog
      .getByText(/^Bia neon \d+: FREE → PRO$/)
      .first()
      .waitFor();
    await dialog.getByText(`… and ${free - 5} more`).waitFor();
    await expectSound(page, "users-bulk");
    await dialog.getByRole("button", { name: `Give ${free} users the tier PRO` }).click();

    const change = page.getByRole("article", { name: "Tier PRO" });
    await change.getByText("Done", { exact: true }).waitFor();
    await change.getByText(`${free} of ${free}`).waitFor();
    await page.getByText("After the bulk change no user matches this filter any more.").waitFor();
    await expectSound(page, "users-bulk-done");
    await page
      .getByRole("region", { name: "Results" })
      .filter({ hasText: `${free} users are PRO now.` })
      .getByRole("link", { name: "All users with PRO" })
      .click();
    await expect.poll(() => rows(page).count()).toBe(50);
    expect(new URL(page.url()).search).toBe("?tier=PRO");
    expect(await countTier("neon", "PRO")).toBe(free);

    await page.goto("/admin/audit");
    await page
      .getByRole("row", { name: new RegExp(`tier PRO · ${free} users · Tier: FREE · Turma: neon`) })
      .getByRole("link", { name: "see its tier changes" })
      .click();
    await page.getByText(/^Only events of bulk change \d+\./).waitFor();
    const changed = page.getByRole("table", { name: "Activity" }).locator("tbody tr");
    await expect.poll(() => changed.count()).toBe(50);
    const ofBia = changed.filter({ hasText: /Bia neon \d+/ }).first();
    expect(await ofBia.textContent()).toMatch(/Tier changed.*bulk change.*FREE → PRO/);
    await expectSound(page, "activity-bulk");
    expect(await countTier("estrutura", "FREE")).toBe(5);
    const audited = await its.system.db.query(
      "select ref, details from rollcall.events where kind = 'bulk_requested'",
    );
    expect(audited.rows).toEqual([{ ref: operators.admin, details: expect.anything() }]);
  });

  test("when more users match by the time of the confirmation, nothing is done and the new number is shown", async () => {
    const page = await its.openAs("admin", "/admin/users?turma=estrutura");
    await page.getByRole("button", { name: "Select all that match" }).click();
    await page.getByRole("button", { name: "Change tier" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("New tier").fill("GOLD");
    await dialog.getByRole("button", { name: "Give 5 users the tier GOLD" }).waitFor();
    await signUp(1, "estrutura");
    await dialog.getByRole("button", { name: "Give 5 users the tier GOLD" }).click();
    await dialog.getByRole("alert").filter({ hasText: "More users match by now" }).waitFor();
    expect(await countTier("estrutura", "GOLD")).toBe(0);
    expect(await dialog.getByLabel("New tier").inputValue()).toBe("GOLD");
    await dialog.getByRole("button", { name: "Give 6 users the tier GOLD" }).click();
    await expect.poll(() => countTier("estrutura", "GOLD")).toBe(6);
  });

  test("an operator refreshes selected users, and is not offered a tier for several", async () => {
    const page = await its.openAs("operator", "/admin/users?turma=estrutura");
    await page.getByText(/users, all of them/).waitFor();
    for (const index of [0, 1]) await rows(page).nth(index).getByRole("checkbox").check({ force: true });
    await page.getByText("2 users selected", { exact: true }).waitFor();
    expect(await page.getByRole("button", { name: "Change tier" }).count()).toBe(0);
    await page
      .getByRole("region", { name: "Selection" })
      .getByRole("button", { name: "Fetch from Clerk" })
      .click();
    await page.getByRole("button", { name: "Fetch 2 users" }).click();
    const change = page.getByRole("article", { name: "Fetch from Clerk" });
    await change.getByText("2 of 2").waitFor();
  });

  test.each(["CSV", "JSON"])("the export as %s holds all users that match, and no other", async (format) => {
    const page = await its.openAs("viewer", "/admin/users?turma=estrutura");
    await page.getByText(/users, all of them/).waitFor();
    const saved = page.waitForEvent("download");
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
  });

  test("an export that breaks off saves no file and says so", async () => {
    const page = await its.openAs("viewer", "/admin/users");
    const files: string[] = [];
    page.on("download", (download) => files.push(download.suggestedFilename()));
    await page.route("**/users/export?**", (route) => route.abort("connectionreset"));
    await page.getByRole("button", { name: "Export CSV" }).click();
    await page.getByText("The export broke off, and no file was saved").waitFor();
    expect(files).toEqual([]);
  });

  test("a viewer is offered no selection and no change", async () => {
    const page = await its.openAs("viewer", "/admin/users");
    await page.getByText("50 shown").waitFor();
    expect(await page.getByRole("checkbox").count()).toBe(0);
    await expectSound(page, "users");
    expect(await page.getByRole("button", { name: /Select all|Fetch|tier/i }).count()).toBe(0);
  });
});
