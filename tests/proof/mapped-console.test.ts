import { readFile } from "node:fs/promises";
import { defaultMapping, type Mapping } from "@rollcall/contracts";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callAdmin } from "../harness/admin.ts";
import { describeInBrowser } from "../harness/browser.ts";
import { type ConsolePage, expectSound, type Look, makeOperators, openAs } from "../harness/console.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** The Clerk id is the key, and there is no profile. */
const withoutProfiles: Mapping = {
  users: {
    table: "users",
    key: { column: "id", type: "text" },
    state: "added",
    columns: { clerkId: "id", email: "email", tier: "tier" },
  },
  profile: null,
};

const members: Mapping = {
  users: {
    ...defaultMapping.users,
    table: "app.accounts",
    key: { column: "id", type: "uuid" },
    columns: { clerkId: "clerk_id", email: "mail", name: "full_name", tier: "tier" },
  },
  profile: {
    name: "member",
    table: "app.members",
    link: "account_id",
    key: { column: "id", type: "uuid" },
    columns: {
      display_name: { from: "name", default: "New member" },
      contact: { from: "email" },
      plan: { from: "publicMetadata.plan", allowed: ["free", "pro"], default: "free" },
      origin: { value: "clerk" },
    },
  },
};

const tablesOfMembers = `
  create schema app;
  create table app.accounts (id uuid primary key default gen_random_uuid(), clerk_id text not null unique, mail text,
    full_name text, tier text not null default 'FREE');
  create table app.members (id uuid primary key default gen_random_uuid(), account_id uuid unique references app.accounts (id)
    on delete set null, display_name text not null, contact text, plan text not null default 'free', origin text);
`;

const looks: readonly Look[] = [
  { language: "en", width: 1280 },
  { language: "pt-BR", width: 390, colorScheme: "dark" },
];

/** The text of the whole page, with what is closed or hidden on it. */
const readPage = (page: ConsolePage) =>
  page.evaluate<string>(
    "document.body.textContent + JSON.stringify([...document.querySelectorAll('option')].map((o) => o.text))",
  );

describeInBrowser("the console of an app with tables of its own", { timeout: 240_000 }, (openBrowser) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  async function open(system: System, path: string, look: Look = {}): Promise<ConsolePage> {
    const page = await openAs(browser, system, "admin", path, look);
    await page.locator("h1").waitFor();
    return page;
  }

  describe("and without profiles", () => {
    let system: System;
    let id: string;
    beforeAll(async () => {
      system = await startSystem({
        backend: "postgres",
        environment: { ADMIN_OPERATORS: await makeOperators() },
        app: {
          mapping: withoutProfiles,
          fill: async ({ db }) =>
            void (await db.query("create table users (id text primary key, email text, tier text)")),
        },
      });
      const person = { firstName: "Ada", lastName: "Prado", email: "ada@example.com" };
      ({ id } = await system.clerk.users.create(person));
      await waitFor("the row", async () => {
        const { rows } = await system.db.query("select from users where id = $1", [id]);
        return rows.length > 0 ? true : undefined;
      });
    });
    afterAll(() => system?.stop());

    test.each(looks)("no page mentions a profile or a conflict (%o)", async (look) => {
      const { body } = await callAdmin(system, "/api/admin/reconcile", {
        method: "POST",
        body: { mode: "full", dryRun: true },
      });
      const { runId } = body as { runId: number };
      const paths = [
        "",
        "users",
        `users/${id}`,
        "activity",
        "dead-letters",
        "runs",
        `runs/${runId}`,
        "alerts",
      ];
      const page = await open(system, "/admin/", look);
      for (const path of [...paths, "audit", "operators"]) {
        await page.goto(`/admin/${path}`);
        await page.locator("h1").waitFor();
        await page.locator(".loading").first().waitFor({ state: "detached" });
        expect([path, await readPage(page)]).toEqual([
          path,
          expect.not.stringMatching(/profile|perfil|perfis|mentorado|turma|conflict|conflito|ENABLE_AUTO/i),
        ]);
        await expectSound(page, `without-profiles-${path.replace(/\W+/g, "-")}-${look.language}`);
      }
      await page.context().close();
    });

    test("users are named by their ids where the table has no names, and by Clerk's name on their page", async () => {
      const page = await open(system, "/admin/users");
      const row = page.getByRole("row").filter({ hasText: "ada@example.com" });
      await row.getByRole("link", { name: id }).click();
      await page.getByRole("heading", { level: 1, name: "Ada Prado" }).waitFor();
      await page.getByText("In place: the user has a row.").waitFor();
      const table = page.getByRole("region", { name: "Clerk and row" });
      expect(await table.getByRole("columnheader").allTextContents()).toEqual(["Field", "At Clerk", "Row"]);
      await page.context().close();
    });
  });

  describe("and a profile with another name", () => {
    let system: System;
    beforeAll(async () => {
      system = await startSystem({
        backend: "postgres",
        environment: { ADMIN_OPERATORS: await makeOperators() },
        app: { mapping: members, fill: async ({ db }) => void (await db.query(tablesOfMembers)) },
      });
    });
    afterAll(() => system?.stop());

    async function signUp(firstName: string, plan = "free"): Promise<string> {
      const { id } = await system.clerk.users.create({
        ...{ firstName, lastName: "Prado", email: `${firstName.toLowerCase()}@example.com` },
        publicMetadata: { plan },
      });
      await waitFor("the profile", async () => {
        const { rows } = await system.db.query(
          "select from app.members m join app.accounts a on a.id = m.account_id where a.clerk_id = $1",
          [id],
        );
        return rows.length > 0 ? true : undefined;
      });
      return id;
    }

    test("the list has the column and the filter of the mapping, and the saved CSV the titles of the page", async () => {
      await signUp("Bento", "pro");
      await signUp("Clara");
      const page = await open(system, "/admin/users?plan=pro", { language: "pt-BR" });
      await page.getByText("1 usuário", { exact: true }).waitFor();
      await page.getByRole("columnheader", { name: "plan" }).waitFor();
      await expectSound(page, "members-users");
      expect(await page.getByLabel("plan", { exact: true }).inputValue()).toBe("pro");
      expect(await readPage(page)).not.toMatch(/turma|mentorado/i);
      const saved = page.waitForEvent("download");
      await page.getByRole("button", { name: "Exportar CSV" }).click();
      const [head, row, end] = (await readFile(await (await saved).path(), "utf8")).split("\r\n");
      expect(head).toMatch(/^Id da linha,Id do Clerk,E-mail,.*,Perfil: display_name,.*,Perfil: plan,/);
      expect(row).toContain("Bento Prado");
      expect(end).toBe("");
      await page.getByRole("button", { name: "Selecionar todos que correspondem" }).click();
      await page.getByText("1 usuário selecionado, o único que corresponde.").waitFor();
      await page.context().close();
    });

    test("the page of a user has the profile's own fields beside Clerk and the row", async () => {
      const id = await signUp("Davi", "pro");
      await system.db.query(
        "update app.members set contact = 'other@example.com' where display_name like 'Davi%'",
      );
      const page = await open(system, `/admin/users/${id}`);
      const cells = (name: RegExp) => page.getByRole("row", { name }).getByRole("cell").allTextContents();
      await page.getByRole("row", { name: /^plan / }).waitFor();
      expect(await cells(/^Name /)).toEqual(["Davi Prado", "Davi Prado ", "Davi Prado "]);
      expect((await cells(/^Email /))[2]).toBe("other@example.com not as in the row");
      expect(await cells(/^plan /)).toEqual(["pro", "– ", "pro "]);
      expect(await cells(/^origin /)).toEqual(["–", "– ", "clerk "]);
      expect(await readPage(page)).not.toMatch(/turma|mentorado|displayName/i);
      await expectSound(page, "members-user");
      await page.context().close();
    });

    test("a conflict shows the user's name and email beside those of the candidates, and is decided by name", async () => {
      const { rows } = await system.db.query<{ id: string }>(
        `insert into app.members (display_name, contact, plan) values ('Elza Antiga', 'elza@example.com', 'pro'),
           ('Elza P.', 'elza@example.com', 'free') returning id`,
      );
      await signUp("Elza");
      const { body } = await callAdmin(system, "/api/admin/conflicts");
      const [conflict] = (body as { items: { id: number }[] }).items;
      const page = await open(system, `/admin/conflicts/${conflict?.id}`, { width: 1280 });
      const table = page.getByRole("region", { name: "Candidates" });
      const cells = (name: RegExp) => table.getByRole("row", { name }).getByRole("cell").allTextContents();
      await table.getByRole("row", { name: /^Name / }).waitFor();
      expect((await cells(/^Name /)).slice(0, 2)).toEqual(["Elza Prado ", "Elza Prado "]);
      expect((await cells(/^Email /))[0]).toContain("elza@example.com verified");
      expect(await table.getByRole("rowheader").allTextContents()).toEqual(
        expect.not.arrayContaining(["Full name", "Turma", "Revenue goal", "Created here"]),
      );
      await expectSound(page, "members-conflict");
      await page.getByRole("button", { name: `Choose candidate …${rows[0]?.id.slice(-8)}` }).click();
      const dialog = page.getByRole("dialog", { name: "Give Elza Prado the profile “Elza Antiga”?" });
      await dialog.getByText("Other candidates stay without a user: Elza P.").waitFor();
      await dialog.getByRole("button", { name: "Give this profile" }).click();
      await page.getByText("Resolved by ana with the profile “Elza Antiga”").first().waitFor();
      await page.context().close();
    });

    test("an alert about a service leads to that service, also from another tab", async () => {
      await Promise.all([system.worker.stop(), system.api.stop()]);
      // Its holder evaluates. Without a worker that would be the api, which would find that nothing is wrong.
      const lease = await system.db.query(
        `insert into rollcall.leases as l (name, token, expires_at) values ('alerts', gen_random_uuid(), now() + interval '1 hour')
         on conflict (name) do update set token = excluded.token, expires_at = excluded.expires_at where l.expires_at <= now()`,
      );
      expect(lease.rowCount).toBe(1);
      await system.db.query(
        `insert into rollcall.alerts (name, state, since, value, fired_at, evaluated_at)
         select name, 'firing', now(), 1, now(), now()
         from unnest(array['postgres_errors', 'queue_stalled', 'no_worker', 'alerts_unsent']) name
         on conflict (name) do update set state = 'firing', evaluated_at = now()`,
      );
      system.api = system.startApi();
      await waitFor("the api", async () => (await fetch(`${system.apiUrl}/healthz`)).ok || undefined);
      const page = await open(system, "/admin/alerts");
      const led = async (link: string, to: string) => {
        await page.goto("/admin/alerts");
        await page.getByRole("link", { name: link }).click();
        await expect.poll(() => page.evaluate("document.activeElement.id")).toBe(to);
      };
      await led("See Postgres", "service-postgres");
      await led("See the queues", "service-queue");
      await led("See where alerts are sent", "delivery");
      await led("See the workers", "service-workers");
      await expectSound(page, "alert-led-to-workers");
      await page.reload();
      await expect.poll(() => page.evaluate("document.activeElement.id")).toBe("service-workers");
      await page.getByRole("link", { name: "Overview" }).click();
      await expect.poll(() => page.evaluate("document.activeElement.tagName")).toBe("H1");
      await page.context().close();
    });
  });
});
