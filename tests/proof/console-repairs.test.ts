import type { Route } from "playwright-core";
import { expect, test } from "vitest";
import { readRows, untilDeadLetter, untilProfile } from "../harness/calls.ts";
import { describeConsole, expectSound, operators } from "../harness/console.ts";
import { waitFor } from "../harness/wait-for.ts";

describeConsole("repairs in the console", { RECONCILE_CATCHUP_EVERY_MS: "86400000" }, (its) => {
  let poisoned = 0;
  /** Makes dead letters of users whose row Postgres refuses. */
  async function poison(count: number): Promise<string[]> {
    await its.system.db.query(
      "alter table users add constraint no_poison check (email not like 'poison%') not valid",
    );
    const ids: string[] = [];
    for (let index = 0; index < count; index++) {
      const { id } = await its.system.clerk.users.create({ email: `poison${++poisoned}@example.com` });
      ids.push(id);
    }
    for (const id of ids) await untilDeadLetter(its.system, id);
    return ids;
  }
  const heal = () => its.system.db.query("alter table users drop constraint no_poison");

  test("an operator repairs a dead letter after a fault, and sees how many were really replayed", async () => {
    const [first = "", second = ""] = await poison(2);
    const page = await its.openAs("operator", "/admin/dead-letters");
    await page.getByRole("radio", { name: /user\.rejected 2/ }).waitFor();
    await page.getByText("Postgres refused this user’s row").waitFor();
    await page.getByText("Runbook", { exact: true }).click();
    await page.getByText("or a row that the app kept locked for more than two seconds").waitFor();
    await expectSound(page, "dead-letters");
    await heal();

    await page.getByRole("checkbox", { name: new RegExp(first) }).check({ force: true });
    await page.getByRole("region", { name: "Selection" }).getByRole("button", { name: "Replay" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Replay 1" }).click();
    await page.getByText("1 dead letter was replayed.").waitFor();
    await untilProfile(its.system, first);

    // Another operator is faster: the list is held back, as a slow connection would.
    const hold = (route: Route) => (route.request().method() === "GET" ? route.abort() : route.continue());
    await page.route("**/api/admin/dead-letters**", hold);
    await page.route("**/api/admin/dead-letters/**", hold);
    await page.getByRole("checkbox", { name: new RegExp(second) }).check({ force: true });
    const other = await its.openAs("admin", "/admin/dead-letters");
    await other.getByRole("button", { name: "Replay the only one" }).click();
    await other.getByRole("dialog").getByRole("button", { name: "Replay 1" }).click();
    await other.getByText("1 dead letter was replayed.").waitFor();
    await page.getByRole("region", { name: "Selection" }).getByRole("button", { name: "Replay" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Replay 1" }).click();
    await page.getByText("0 dead letters were replayed.").waitFor();
    await page.getByText(new RegExp(`replayed.*by ${operators.admin}`)).waitFor();
    await page.unrouteAll();
    await page.getByText("There are no dead letters.").waitFor();
  });

  test("a discard needs a reason without an email, and keeps what was typed when it is refused", async () => {
    await poison(1);
    await heal();
    const page = await its.openAs("operator", "/admin/dead-letters", { language: "pt-BR" });
    await page.getByRole("button", { name: "Descartar a única" }).click();
    const dialog = page.getByRole("dialog");
    const reason = dialog.getByLabel("Motivo");
    await reason.fill("ana@example.com");
    await dialog.getByText("Retire o e-mail").waitFor();
    const discard = dialog.getByRole("button", { name: "Descartar 1" });
    expect(await discard.isDisabled()).toBe(true);
    await reason.fill("conta de teste");
    await expectSound(page, "dead-letters-discard-pt-BR");
    await discard.click();
    await page.getByText("1 dead letter foi descartada.").waitFor();
    const kept = await its.system.db.query(
      "select ref, details ->> 'reason' as reason from rollcall.events where kind = 'dead_letter_discarded'",
    );
    expect(kept.rows).toEqual([{ ref: operators.operator, reason: "conta de teste" }]);
  });

  /** Makes a conflict: a new user's email matches two unclaimed profiles. */
  async function makeConflict(): Promise<{ clerkId: string; candidates: number[] }> {
    const email = `par${Date.now()}@example.com`;
    const found = await its.system.db.query<{ id: number }>(
      `insert into mentorados (nome_completo, email, turma)
       values ('Nair Antiga', $1, 'neon'), ('Nair Outra', $1, 'estrutura') returning id`,
      [email],
    );
    const { id } = await its.system.clerk.users.create({ firstName: "Nair", lastName: "Antiga", email });
    await untilProfile(its.system, id);
    return { clerkId: id, candidates: found.rows.map((row) => row.id) };
  }

  test("an operator resolves a conflict, and a second one reads what was decided", async () => {
    const { clerkId, candidates } = await makeConflict();
    const [chosen] = candidates;
    const first = await its.openAs("operator", "/admin/conflicts");
    const second = await its.openAs("admin", "/admin/conflicts");
    await first.goto(`/admin/users/${clerkId}`);
    // The page of the user names the conflict first.
    await first.getByText("A conflict waits for a decision").waitFor();
    await expectSound(first, "user-conflict");
    for (const page of [first, second]) await page.getByRole("link", { name: /Decide conflict/ }).click();
    await first.getByText("Several profiles have this user’s email.").waitFor();
    await expectSound(first, "conflict");
    await second.getByRole("button", { name: "Dismiss" }).click();
    await first.getByRole("button", { name: `Choose candidate ${chosen}` }).click();
    await first
      .getByRole("dialog")
      .getByText(
        "The present one was never used and is deleted. Other candidates stay without a user: Nair Outra.",
      )
      .waitFor();
    await first.getByRole("heading", { name: "Give Nair Antiga the profile “Nair Antiga”?" }).waitFor();
    await first.getByRole("button", { name: "Give this profile" }).click();
    await first.getByText(`Resolved by ${operators.operator} with the profile “Nair Antiga”`).waitFor();
    // The button that opened the dialog is gone, so the page's heading has the focus.
    await first.locator("h1:focus").waitFor();
    expect((await readRows(its.system, clerkId)).mentorados).toMatchObject([{ id: chosen }]);
    // The dialog of the second operator says so without a click, and offers nothing.
    const dialog = second.getByRole("dialog");
    await dialog.getByText(`Resolved by ${operators.operator}`).waitFor();
    expect(await dialog.getByRole("button", { name: "Dismiss the conflict" }).isDisabled()).toBe(true);
  });

  test("a present profile that was used is parted with only after a consent", async () => {
    const { clerkId, candidates } = await makeConflict();
    const [, chosen] = candidates;
    const own = Number((await readRows(its.system, clerkId)).mentorados[0]?.["id"]);
    await its.system.db.query("update mentorados set meta_leads = 51 where id = $1", [own]);
    const page = await its.openAs("operator", "/admin/conflicts", { width: 360 });
    await page.getByRole("link", { name: /Decide conflict/ }).click();
    await page.getByRole("button", { name: `Choose candidate ${chosen}` }).click();
    const dialog = page.getByRole("dialog");
    const confirm = dialog.getByRole("button", { name: "Give this profile" });
    await dialog.getByText("The present one was used").waitFor();
    expect(await confirm.isDisabled()).toBe(true);
    await expectSound(page, "conflict-consent");
    await dialog.getByLabel("Keep the present profile without a user").check({ force: true });
    await confirm.click();
    await page.getByText(`Resolved by ${operators.operator}`).waitFor();
    expect((await readRows(its.system, clerkId)).mentorados).toMatchObject([{ id: chosen }]);
  });

  test("a dry run shows what a full sync would do, user by user, and writes nothing", async () => {
    const { id } = await its.system.clerk.users.create({ firstName: "Olga" }, { silent: true });
    const page = await its.openAs("operator", "/admin/runs");
    await page.getByRole("button", { name: "Start a run" }).click();
    // The choice that writes nothing is there from the start, and Enter on a choice starts no run.
    const choices = page.getByRole("dialog").getByRole("radio");
    await choices.first().focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.keyboard.press("ArrowUp");
    await page.getByRole("button", { name: "Start the dry run" }).click();
    await page.locator("h1:focus").waitFor();
    const differences = page.getByRole("table", { name: "Users that would change" });
    await differences.getByRole("row", { name: `${id} created` }).waitFor();
    await page.getByText("Succeeded", { exact: true }).waitFor();
    await expectSound(page, "run-dry");
    expect((await readRows(its.system, id)).users).toEqual([]);
    await page.goto("/admin/audit");
    const requested = page.getByRole("row", { name: "Dry run requested" }).first();
    await requested.getByRole("link", { name: /^run \d+$/ }).click();
    await differences.waitFor();
  });

  test("held deletions are shown by name, an operator cannot confirm them, and an admin can", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 7; index++) {
      const { id } = await its.system.clerk.users.create({ firstName: "Paula", lastName: `N${index}` });
      await untilProfile(its.system, id);
      ids.push(id);
    }
    await untilRunsEnded();
    for (const id of ids) await its.system.clerk.users.delete(id, { silent: true });
    const page = await its.openAs("operator", "/admin/runs");
    await page.getByRole("button", { name: "Start a run" }).click();
    await page.getByRole("dialog").getByText("Full sync: compares every user").click();
    await page.getByRole("button", { name: "Start the full sync" }).click();
    await page.getByText("7 users are missing at Clerk.").waitFor();
    await page.getByRole("table", { name: "Held deletions" }).getByText("Paula N6").waitFor();
    await page.getByText("Confirming needs the role admin.").waitFor();
    expect(await page.getByRole("button", { name: /Confirm/ }).count()).toBe(0);

    const admin = await its.openAs("admin", new URL(page.url()).pathname);
    await admin.getByRole("button", { name: "Confirm 7 deletions" }).click();
    await admin
      .getByRole("dialog")
      .getByText(/Paula N\d, .* and 2 more/)
      .waitFor();
    await expectSound(admin, "run-held");
    // The worker erases the names one moment after the confirmation. A silent Clerk and this answer make that moment last.
    await its.system.clerk.faults.add({ kind: "hang" });
    let erased = 0;
    await admin.route("**/held?**", async (route) => {
      const answer = await route.fetch();
      const { items, nextCursor } = (await answer.json()) as { items: object[]; nextCursor: null };
      await route.fulfill({
        json: { items: items.map((item) => ({ ...item, name: null, email: null })), nextCursor },
      });
      erased += 1;
    });
    await admin.getByRole("dialog").getByRole("button", { name: "Confirm 7 deletions" }).click();
    await admin.getByText(`Confirmed by ${operators.admin}. A worker carries it out. 0 of 7 done`).waitFor();
    await expect.poll(() => erased).toBeGreaterThan(0);
    await admin.getByRole("table", { name: "Held deletions" }).getByText("Paula N6").waitFor();
    expect(await admin.getByText(/No name|Confirm 7/).count()).toBe(0);
    await its.system.clerk.faults.heal();
    await page.getByText("Succeeded", { exact: true }).waitFor();
    await page
      .getByText(new RegExp(`^7 deletions were held; ${operators.admin} confirmed them on .+\\.$`))
      .waitFor();
    const brazilian = await its.openAs("viewer", new URL(page.url()).pathname, {
      language: "pt-BR",
    });
    await brazilian
      .getByText(new RegExp(`^7 exclusões foram retidas; confirmação de ${operators.admin} em .+\\.$`))
      .waitFor();
    for (const id of ids)
      expect((await readRows(its.system, id)).users).toMatchObject([
        { deleted_at: expect.any(Date), name: null },
      ]);
  });

  const untilRunsEnded = () =>
    waitFor("the end of all runs", async () => {
      const open = await its.system.db.query(
        "select from rollcall.runs where state in ('waiting', 'running') limit 1",
      );
      return open.rowCount === 0 ? true : undefined;
    });

  test("a run is cancelled from its page", async () => {
    await untilRunsEnded();
    await its.system.clerk.faults.add({ kind: "hang" });
    try {
      const page = await its.openAs("operator", "/admin/runs");
      await page.getByRole("button", { name: "Start a run" }).click();
      await page.getByRole("dialog").getByText("Full sync: compares every user").click();
      await page.getByRole("button", { name: "Start the full sync" }).click();
      await page.getByRole("button", { name: "Cancel the run" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Cancel the run" }).click();
      await page.getByText("Cancelled", { exact: true }).waitFor();
    } finally {
      await its.system.clerk.faults.heal();
    }
  });

  test("a viewer is offered no repair", async () => {
    await makeConflict();
    const page = await its.openAs("viewer", "/admin/conflicts");
    await page
      .getByRole("link", { name: /^Conflict / })
      .first()
      .click();
    await page.getByText("Deciding needs the role operator.").waitFor();
    for (const path of ["", "/admin/runs", "/admin/dead-letters"]) {
      if (path !== "") await page.goto(path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      const actions = page.getByRole("button", { name: /Choose|Dismiss|Start|Replay|Discard|Confirm/ });
      expect(await actions.count()).toBe(0);
    }
  });
});
