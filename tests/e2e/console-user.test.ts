import { defaultMapping } from "@rollcall/contracts";
import { expect, test } from "vitest";
import { readRows, untilProfile } from "../harness/calls.ts";
import { type Console, describeConsole, expectSound, operators } from "../harness/console.ts";

const on = { ...defaultMapping, organizations: {} };

describeConsole("the console's pages of one user and one organization", {}, declare, on);

function declare(its: Console): void {
  async function signUp(firstName: string): Promise<string> {
    const email = `${firstName.toLowerCase()}@example.com`;
    const { id } = await its.system.clerk.users.create({ firstName, lastName: "Prado", email });
    await untilProfile(its.system, id);
    return id;
  }

  test("an operator finds out why a person is missing, and repairs it from the page", async () => {
    const { id } = await its.system.clerk.users.create(
      { firstName: "Elza", lastName: "Prado", email: "elza@example.com" },
      { silent: true },
    );
    const page = await its.openAs("operator", "/admin/users");
    await page.getByRole("searchbox").fill(id);
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: `Open ${id}` }).click();
    await page.getByText("neither a webhook nor a login has arrived here").waitFor();
    await page.getByRole("heading", { level: 1, name: "Elza Prado" }).waitFor();
    await expectSound(page, "user-missing");

    await page.getByRole("button", { name: "Fetch from Clerk" }).click();
    await page.getByText("Fetched from Clerk: User created, Profile created.").waitFor();
    // The page follows the job by itself.
    await page.getByText("In place: the user has a row and a profile.").waitFor();
    await page.getByText("The row is as Clerk has it.").waitFor();
    await page.getByRole("table", { name: "Timeline" }).getByText("Profile created").waitFor();
    expect((await readRows(its.system, id)).mentorados).toHaveLength(1);
    await page.getByRole("button", { name: "Fetch from Clerk" }).click();
    await page.getByText("Checked at Clerk: nothing to change.").waitFor();
  });

  test("what differs between Clerk and the row is marked, and a refresh settles it", async () => {
    const id = await signUp("Flora");
    await its.system.db.query("update users set name = 'Flora Antiga' where clerk_id = $1", [id]);
    const page = await its.openAs("operator", `/admin/users/${id}`, { language: "pt-BR" });
    await page.getByText("1 campo da linha não está como no Clerk").waitFor();
    const name = page.getByRole("row", { name: /^Nome / });
    expect(await name.getByRole("cell").allTextContents()).toEqual([
      "Flora Prado",
      "Flora Antiga difere",
      expect.stringContaining("Flora Prado"),
    ]);
    await expectSound(page, "user-differs-pt-BR");
    await its.system.clerk.users.update(id, { firstName: "Flora", lastName: "Nova" });
    await page.getByText("A linha está como no Clerk.").waitFor();
  });

  test("when two operators change a tier, the second one reads what the first one did, and keeps what was typed", async () => {
    const id = await signUp("Gilda");
    const first = await its.openAs("admin", `/admin/users/${id}`);
    const second = await its.openAs("operator", `/admin/users/${id}`);
    for (const [page, tier] of [
      [first, "PRO"],
      [second, "GOLD"],
    ] as const) {
      await page.getByRole("button", { name: "Change tier" }).click();
      await page.getByRole("dialog").getByLabel("New tier").fill(tier);
    }
    await first.getByRole("button", { name: "Give the tier PRO" }).click();
    await first.getByText("The tier is PRO now.").waitFor();
    await second.getByRole("button", { name: "Give the tier GOLD" }).click();
    const refusal = second.getByRole("dialog").getByRole("alert");
    await refusal.filter({ hasText: operators.admin }).filter({ hasText: "PRO" }).waitFor();
    expect((await readRows(its.system, id)).users).toMatchObject([{ tier: "PRO" }]);
    expect(await second.getByRole("dialog").getByLabel("New tier").inputValue()).toBe("GOLD");
    await expectSound(second, "user-tier-refused");

    await second.getByText("Now: PRO. The next login").waitFor();
    await second.getByRole("button", { name: "Give the tier GOLD" }).click();
    await second.getByText("The tier is GOLD now.").waitFor();
    expect((await readRows(its.system, id)).users).toMatchObject([{ tier: "GOLD" }]);
  });

  test("a purge lists what goes and what stays, and needs the Clerk id", async () => {
    await signUp("Helena");
    const id = await signUp("Iracema");
    const profileId = Number((await readRows(its.system, id)).mentorados[0]?.["id"]);
    const page = await its.openAs("admin", `/admin/users/${id}`);
    await page.getByText("Purge: only after the user is deleted at Clerk.").waitFor();
    expect(await page.getByRole("button", { name: "Purge" }).count()).toBe(0);
    const dialog = page.getByRole("dialog");

    await its.system.clerk.users.delete(id);
    await page.getByText("Deleted on").waitFor();
    await page.getByRole("button", { name: "Purge" }).click();
    await dialog
      .getByRole("region", { name: "Goes" })
      .getByText(`Name, email and photo of the profile (${profileId})`)
      .waitFor();
    await dialog.getByRole("region", { name: "Stays" }).getByText("The Clerk id").waitFor();
    await expectSound(page, "user-purge");
    const purge = dialog.getByRole("button", { name: "Purge for good" });
    expect(await purge.isDisabled()).toBe(true);
    await dialog.getByLabel("Type the Clerk id to confirm").fill(id.slice(0, -1));
    expect(await purge.isDisabled()).toBe(true);
    await dialog.getByLabel("Leave the former profile as it is").check({ force: true });
    await dialog.getByRole("region", { name: "Stays" }).getByText(`(${profileId})`).waitFor();
    await dialog.getByLabel("Leave the former profile as it is").uncheck({ force: true });
    await dialog.getByRole("region", { name: "Goes" }).getByText(`(${profileId})`).waitFor();
    const read = () =>
      its.system.db.query("select nome_completo, email from mentorados where id = $1", [profileId]);
    expect((await read()).rows).toMatchObject([{ nome_completo: "Iracema Prado" }]);

    await dialog.getByLabel("Type the Clerk id to confirm").fill(id);
    await purge.click();
    await page.getByRole("dialog", { name: "The data was purged." }).waitFor();
    expect((await read()).rows).toEqual([{ nome_completo: "Removed", email: null }]);
    await page.getByRole("button", { name: "Close", exact: true }).click();
    await page.getByRole("table", { name: "Timeline" }).getByText("User purged").waitFor();
  });

  test("while Clerk does not answer, the page says so and compares nothing", async () => {
    const id = await signUp("Julieta");
    await its.system.clerk.faults.add({ kind: "status", status: 500 });
    try {
      const page = await its.openAs("viewer", `/admin/users/${id}`);
      await page.getByText("Clerk did not answer, so nothing is compared").waitFor();
      await page.getByRole("heading", { level: 1, name: "Julieta Prado" }).waitFor();
      await its.system.clerk.faults.heal();
      await page.getByRole("button", { name: "Reload" }).click();
      await page.getByText("The row is as Clerk has it.").waitFor();
    } finally {
      await its.system.clerk.faults.heal();
    }
  });

  test("an id that no side knows gets a sentence, and a viewer no action", async () => {
    const page = await its.openAs("viewer", "/admin/users/user_nothere");
    await page.getByText("Neither Clerk nor Rollcall knows this id.").waitFor();
    const id = await signUp("Karen");
    await page.goto(`/admin/users/${id}`);
    await page.getByText("In place: the user has a row and a profile.").waitFor();
    const actions = page.getByRole("button", { name: /Fetch|tier|Purge|Replay/i });
    expect(await actions.count()).toBe(0);
    await expectSound(page, "user-viewer");
  });

  test("an organization that no webhook announced is fetched, and its page and those of its members lead to each other", async () => {
    const { clerk } = its.system;
    const userId = await signUp("Lia");
    const { id } = await clerk.organizations.create({ name: "Clínica Sol", slug: "sol" }, { silent: true });
    const page = await its.openAs("operator", "/admin/");
    await page.getByRole("link", { name: "Organizations" }).click();
    await page.getByText("There are no organizations yet.").waitFor();
    await page.getByRole("searchbox").fill(id);
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: `Open ${id}` }).click();
    await page.getByText("no webhook has arrived here").waitFor();
    await expectSound(page, "organization-missing");

    await page.getByRole("button", { name: "Fetch from Clerk" }).click();
    // On a busy machine the page stops waiting, says so, and follows the job.
    await page.getByText(/Fetched from Clerk: Organization created|This page follows it/).waitFor();
    await page.getByText("In place: the organization has a row.").waitFor();
    await clerk.memberships.create(id, userId, { role: "org:admin" });
    // The page follows the event by itself.
    const members = page.getByRole("table", { name: "Members" });
    await members.getByText("org:admin").waitFor();
    await page.getByRole("table", { name: "Timeline" }).getByText("Membership created").waitFor();
    await expectSound(page, "organization");
    await members.getByRole("link", { name: "Lia Prado" }).click();
    const memberships = page.getByRole("table", { name: "Memberships" });
    await memberships.getByText("org:admin").waitFor();
    await expectSound(page, "user-memberships");
    await memberships.getByRole("link", { name: "Clínica Sol" }).click();
    await page.getByRole("heading", { level: 1, name: "Clínica Sol" }).waitFor();

    const phone = { language: "pt-BR", width: 390, colorScheme: "dark" } as const;
    const small = await its.openAs("viewer", "/admin/organizations", phone);
    await small.getByRole("searchbox").fill("clínica");
    await small.keyboard.press("Enter");
    await small.getByText("1 organização").waitFor();
    await expectSound(small, "organizations-pt-BR");
    await small.getByRole("link", { name: "Clínica Sol" }).click();
    await small.getByText("Em ordem: a organização tem linha.").waitFor();
    await small.getByRole("table", { name: "Linha do tempo" }).getByText("Membro adicionado").waitFor();
    await expectSound(small, "organization-pt-BR");
    const ofOrganization = small.getByRole("button", { name: "Atualizar do Clerk" });
    expect(await ofOrganization.count()).toBe(0);
  });
}
