import { join } from "node:path";
import type { ClerkSimulator } from "@rollcall/clerk-simulator";
import type { Browser, Page } from "playwright-core";
import { type BareProject, createBareProject, repository } from "./bare-project.ts";

const folder = "tests/proof/apps";

/**
 * Makes the apps of tests/proof/apps in a folder outside of the repository, with the packed client and the packages of
 * their lock files, as a team would.
 *
 * @throws Error with the output of the command that failed
 */
export function installApps(): BareProject {
  const apps = createBareProject();
  apps.copy(folder, ".");
  const packed = apps.npm("pack", join(repository, "packages/client"), "--ignore-scripts", "--silent");
  const file = packed.stdout.trim();
  apps.node("--eval", `fs.renameSync(${JSON.stringify(file)}, "rollcall-client.tgz")`);
  const options = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  for (const prefix of [".", "vite-react18"]) expectSuccess(apps.npm("ci", "--prefix", prefix, ...options));
  // These packages put their program in place with a script.
  for (const name of ["bun", "workerd"]) expectSuccess(apps.node(`node_modules/${name}/install.js`));
  return apps;
}

/** @throws Error with the output of a command that failed */
function expectSuccess({ status, stdout, stderr }: ReturnType<BareProject["node"]>): void {
  if (status !== 0) throw new Error(`exit ${status}\n${stdout}\n${stderr}`);
}

/** Opens a page whose Clerk is the simulator: see page-clerk.js. */
export async function openPageWithClerk(browser: Browser, clerk: ClerkSimulator): Promise<Page> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.exposeFunction("simulateClerk", async (operation: "signUp" | "token", input: unknown) => {
    if (operation === "signUp") {
      const { id } = await clerk.users.create({ firstName: String(input), lastName: "Pessoa" });
      return { userId: id, sid: await clerk.sessions.signIn(id, { silent: true }) };
    }
    const azp = new URL(page.url()).origin;
    return clerk.sessions.mintToken({ ...(input as { userId: string; sid: string }), azp });
  });
  await page.addInitScript({ path: join(repository, "tests/harness/page-clerk.js") });
  return page;
}
