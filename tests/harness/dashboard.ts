import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectClerkSimulator, type RemoteClerkSimulator } from "@rollcall/clerk-simulator";
import { type PostgresServer, startPostgres } from "@rollcall/local-services";
import pg from "pg";
import type { Browser, Page } from "playwright-core";
import { type Standalone, startStandalone, untilFirstFullSync } from "./standalone.ts";
import { waitFor } from "./wait-for.ts";

export const supportUrl = "https://help.example.com/profile";

/** Slack for a busy machine. Most steps take well under a second. */
const timeoutMs = 60_000;

/** The system of `npm start` with the example app, on a Postgres that a test may stop. */
export type DashboardSystem = Standalone & {
  clerk: RemoteClerkSimulator;
  db: pg.Pool;
  stopPostgres(): Promise<void>;
  startPostgres(): Promise<void>;
  end(): Promise<void>;
};

export async function startDashboardSystem(): Promise<DashboardSystem> {
  const dir = await mkdtemp(join(tmpdir(), "rollcall-dashboard-"));
  const dataDir = join(dir, "database");
  const settings = { fsync: "off", max_connections: "200" };
  let postgres: PostgresServer = await startPostgres({ dataDir, settings });
  const standalone = await startStandalone(dir, { DATABASE_URL: postgres.url, SUPPORT_URL: supportUrl });
  const db = new pg.Pool({ connectionString: postgres.url, max: 2 });
  db.on("error", () => undefined);
  await untilFirstFullSync(standalone);
  return {
    ...standalone,
    clerk: await connectClerkSimulator(standalone.pageUrl),
    db,
    stopPostgres: () => postgres.stop("immediate"),
    startPostgres: async () => {
      postgres = await startPostgres({ dataDir, settings, port: postgres.port });
    },
    end: async () => {
      await standalone.stop();
      await db.end();
      await postgres.stop("immediate");
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Errors of a page itself: script errors, and requests that its own security policy forbids. */
export type PageErrors = string[];

export async function openApp(
  browser: Browser,
  system: DashboardSystem,
  errors: PageErrors,
  options: Parameters<Browser["newContext"]>[0] = {},
): Promise<Page> {
  const context = await browser.newContext({ locale: "pt-BR", ...options });
  context.setDefaultTimeout(timeoutMs);
  return openTab(await context.newPage(), system, errors);
}

export async function openTab(page: Page, system: DashboardSystem, errors: PageErrors): Promise<Page> {
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (/Content Security Policy|Warning:/i.test(message.text())) errors.push(message.text());
  });
  await page.goto(system.appUrl);
  return page;
}

let signUps = 0;

/** Signs a new user up in the app's own form. */
export async function signUp(page: Page, firstName: string): Promise<void> {
  await page.getByLabel("Nome", { exact: true }).fill(firstName);
  await page.getByLabel("Sobrenome").fill("Pessoa");
  await page.getByLabel("E-mail").fill(`${firstName.toLowerCase()}.${++signUps}@example.com`);
  await page.getByRole("button", { name: "Criar conta e entrar" }).click();
}

export const signIn = (page: Page, firstName: string) =>
  page.getByRole("button", { name: `Entrar como ${firstName} Pessoa` }).click();

export const signOut = (page: Page) => page.getByRole("button", { name: "Sair" }).click();

export async function untilDashboard(page: Page, firstName: string): Promise<void> {
  await page.getByRole("heading", { name: `Olá, ${firstName} Pessoa` }).waitFor();
  await page.getByText("Metas do mês").waitFor();
}

/** The amount on the card of the revenue goal. On the last day of a month the daily share below it is the same. */
export const revenueGoal = (page: Page, amount: string) =>
  page
    .getByRole("region", { name: /^(Metas do mês|Goals of the month)$/ })
    .locator('[data-goal="revenue"] .amount')
    .filter({ hasText: amount });

/** Adds a user with an old profile and a revenue goal of its own. The user has never signed in to the app. */
export async function addMentee(system: DashboardSystem, firstName: string, revenue: number): Promise<void> {
  const email = `${firstName.toLowerCase()}@example.com`;
  const { id } = await system.clerk.users.create({ firstName, lastName: "Pessoa", email });
  await waitFor(`a profile of ${firstName}`, async () => {
    const { rowCount } = await system.db.query(
      `update mentorados
          set meta_faturamento = $2,
              created_at = now() - interval '1 year'
        where user_id = (select id from users where clerk_id = $1)`,
      [id, revenue],
    );
    return rowCount === 1 ? true : undefined;
  });
}

/** An answer to an ensure call or to a query of the dashboard. `asked` records that a query was sent. */
export type Call = { name: "ensure" | "query" | "asked"; status: number; body: string };

/** Records every answer to ensure and to the dashboard's queries, and each sent query, in order. */
export function recordCalls(page: Page): Call[] {
  const calls: Call[] = [];
  const nameOf = (url: string) =>
    url.includes("/trpc/") ? "query" : url.endsWith("/api/ensure") ? "ensure" : undefined;
  page.on("request", (request) => {
    if (nameOf(request.url()) === "query") calls.push({ name: "asked", status: 0, body: "" });
  });
  page.on("response", async (response) => {
    const name = nameOf(response.url());
    if (!name || response.request().method() === "OPTIONS") return;
    const call: Call = { name, status: response.status(), body: "" };
    calls.push(call);
    call.body = await response.text().catch(() => "");
  });
  page.on("requestfailed", (request) => {
    const name = nameOf(request.url());
    if (name) calls.push({ name, status: 0, body: request.failure()?.errorText ?? "" });
  });
  return calls;
}
