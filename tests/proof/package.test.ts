import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { connectClerkSimulator } from "@rollcall/clerk-simulator";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BareProject, createBareProject, findSkipReason, repository } from "../harness/bare-project.ts";
import { followProcess, type RunningProcess } from "../harness/process.ts";
import { type Standalone, untilGone, untilProvisioned, untilReady } from "../harness/standalone.ts";
import { waitFor } from "../harness/wait-for.ts";

const timeout = 240_000;
const reason = findSkipReason();
let app: BareProject;
let tarball: string;
beforeAll(() => {
  if (reason) return;
  app = createBareProject();
  const packed = app.npm("pack", join(repository, "apps/rollcall/dist"));
  expect(packed.status, packed.stderr).toBe(0);
  tarball = join(app.folder, packed.stdout.trim());
  const options = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  const installed = app.npm("install", ...options, tarball);
  expect(installed.status, installed.stderr).toBe(0);
}, timeout);
afterAll(() => app?.remove());

/** Starts `npx rollcall`, or the program itself, in the app's folder and in a process group of its own. */
function start(command: readonly string[], environment: NodeJS.ProcessEnv): RunningProcess {
  const [program = "", ...args] = command;
  const { PATH, HOME } = process.env;
  return followProcess(
    spawn(program, args, {
      cwd: app.folder,
      detached: true,
      env: { PATH, HOME, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    }),
  );
}

/** What npx runs, without the second that npx takes. */
async function rollcall(...args: string[]) {
  const command = start(["node_modules/.bin/rollcall", ...args], {});
  return { code: await command.exited, output: command.output() };
}

describe.skipIf(reason)(`the package rollcall, installed in an app${reason}`, { timeout }, () => {
  test("it holds programs, SQL and pages, and none of our workspaces", async () => {
    const folder = join(app.folder, "node_modules/rollcall");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
    for (const file of [
      "dist/rollcall.js",
      "sql/roles.sql",
      "console/index.html",
      "simulator/index.html",
      "LICENSE",
      "licenses/opentelemetry.txt",
    ])
      expect(files).toContain(file);
    const modules = files.filter((path) => /^dist\/.*\.js$/.test(path));
    const ours = /\b(from|import)\s*\(?"@rollcall\//;
    expect(modules.filter((path) => ours.test(readFileSync(join(folder, path), "utf8")))).toEqual([]);
    const linted = await publint({ pkgDir: folder, strict: true });
    expect(linted.messages.map((message) => formatMessage(message, linted.pkg))).toEqual([]);
    // A program has no types, so there is nothing more to check.
    const checked = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
    expect(checked.types).toBe(false);
  });

  test("its usage names every program and command", async () => {
    const { code, output } = await rollcall("--help");
    expect(code).toBe(0);
    for (const name of ["api", "worker", "migrate", "dev", "status", "doctor", "reconcile"])
      expect(output).toMatch(new RegExp(`^  ${name} `, "m"));
    expect((await rollcall("api", "--fast")).code).toBe(2);
    expect((await rollcall("migrate", "--help")).output).toContain("--down");
  });

  describe("rollcall dev in the app's folder", () => {
    let dir: string;
    let dev: RunningProcess;
    let system: Standalone;
    beforeAll(async () => {
      dir = join(app.folder, ".rollcall");
      const environment = {
        ...{ PORT: "0", WORKER_PORT: "0", SIMULATOR_PORT: "0", ROLLCALL_DEMO: "false" },
        CLERK_AUTHORIZED_PARTIES: "http://localhost:5173",
      };
      // The app's own settings are not Rollcall's.
      app.write(".env", "DATABASE_URL=postgres://the-app\nCLERK_SECRET_KEY=sk_live_of_the_app\n");
      dev = start(["npx", "--no-install", "rollcall", "dev"], environment);
      system = await untilReady(dev, dir);
    }, timeout);
    afterAll(() => dev?.stop("SIGKILL"));

    /** What `rollcall dev` wrote for other commands in its folder. */
    const readEnvironment = async () => parseEnv(await readFile(join(dir, "environment"), "utf8"));

    test("a sign-up at the simulator becomes a row, and the commands work on the same system", async () => {
      const clerk = await connectClerkSimulator(system.pageUrl);
      const { id } = await clerk.users.create({ firstName: "Ada", email: "ada@example.com" });
      await untilProvisioned(system, id);
      const explained = await rollcall("explain", id, "--json");
      expect(JSON.parse(explained.output.replace(/^Using .*\n/, ""))).toMatchObject({
        clerkId: id,
        clerk: "there",
      });
      const checked = await rollcall("doctor");
      expect(checked).toMatchObject({ code: 0, output: expect.stringContaining("Nothing is wrong.") });
    });

    test("the console, the simulator's page and the app's origin are there, and the example app is not", async () => {
      for (const url of [`${system.apiUrl}/admin`, system.pageUrl])
        expect(await (await fetch(url)).text()).toContain("<script");
      const asked = await fetch(`${system.apiUrl}/api/ensure`, {
        method: "OPTIONS",
        headers: { origin: "http://localhost:5173", "access-control-request-method": "POST" },
      });
      expect(asked.headers.get("access-control-allow-origin")).toBe("http://localhost:5173");
      expect(system.appUrl).toBe("");
      expect(await readFile(join(dir, ".gitignore"), "utf8")).toBe("*\n");
    });

    test("migrate, worker and api also run alone, and SIGTERM stops them in order", async () => {
      const environment = {
        ...(await readEnvironment()),
        ...{ PORT: "0", WORKER_PORT: "0", HOST: "127.0.0.1" },
        // The package holds what sends it. This collector is away.
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
      };
      const migration = start(["npx", "--no-install", "rollcall", "migrate"], environment);
      expect(await migration.exited, migration.output()).toBe(0);
      const running = ["worker", "api"].map((name) =>
        start(["node_modules/.bin/rollcall", name], environment),
      );
      for (const part of running) {
        const url = await waitFor("its address", async () => /"url":"(http[^"]+)"/.exec(part.output())?.[1]);
        await waitFor("its services", async () => ((await fetch(`${url}/readyz`)).ok ? true : undefined));
      }
      expect(await Promise.all(running.map((part) => part.stop()))).toEqual([0, 0]);
    });

    test("Ctrl-C ends every process", async () => {
      const pids = [system.pid, ...(await system.pids())];
      expect(pids.length).toBeGreaterThanOrEqual(5);
      // A terminal sends it to the whole group, which npx leads.
      process.kill(-Number(dev.child.pid), "SIGINT");
      await dev.exited;
      await untilGone(pids);
      expect(dev.output()).toMatch(/Stopped\n$/);
    });
  });
});
