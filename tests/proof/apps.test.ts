import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "@rollcall/local-services";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { installApps, openPageWithClerk } from "../harness/apps.ts";
import { type BareProject, findSkipReason } from "../harness/bare-project.ts";
import { describeInBrowser } from "../harness/browser.ts";
import { type RunningProcess, runProgram } from "../harness/process.ts";
import { type System, startSystem } from "../harness/system.ts";
import { waitFor } from "../harness/wait-for.ts";

/** An installation and a build of Next.js, beside other tests. */
const timeout = 300_000;

const names = [
  "vite-trpc",
  "vite-trpc server",
  "vite-react18",
  "next",
  "express",
  "fastify",
  "hono",
] as const;
type Name = (typeof names)[number];

const reason = findSkipReason();
let apps: BareProject;
let system: System;
const urls = {} as Record<Name, string>;
const running: RunningProcess[] = [];

beforeAll(async () => {
  if (reason) return;
  // Next.js takes 127.0.0.1 for another server than its own, and Clerk's middleware then calls itself without an end.
  for (const name of names)
    urls[name] = `http://${name === "next" ? "localhost" : "127.0.0.1"}:${await findFreePort()}`;
  apps = installApps();
  system = await startSystem({
    backend: "postgres",
    environment: { CLERK_AUTHORIZED_PARTIES: Object.values(urls).join(",") },
  });
  // Each profile is made by the app's own call.
  await system.clerk.webhooks.disturb({ loseNext: 1_000 });
}, timeout);
afterAll(async () => {
  await Promise.all(running.map((app) => app.stop()));
  await system?.stop();
  apps?.remove();
});

const portOf = (name: Name) => new URL(urls[name]).port;

/** The variables of an app, as the README names them. */
function environmentOf(name: Name): Record<string, string> {
  // The key names the issuer of tokens, which no app calls. A development key would lead pages to it for a first cookie.
  const publishableKey = `pk_live_${btoa("simulator.clerk.accounts.dev$")}`;
  return {
    PORT: portOf(name),
    HOME: tmpdir(),
    DATABASE_URL: system.postgres.url,
    ROLLCALL_URL: system.apiUrl,
    VITE_ROLLCALL_URL: system.apiUrl,
    NEXT_PUBLIC_ROLLCALL_URL: system.apiUrl,
    CLERK_API_URL: system.clerk.url,
    CLERK_SECRET_KEY: system.clerk.secretKey,
    CLERK_JWT_KEY: system.clerk.jwtKey,
    CLERK_PUBLISHABLE_KEY: publishableKey,
    VITE_CLERK_PUBLISHABLE_KEY: publishableKey,
    NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY: publishableKey,
    NEXT_PUBLIC_CLERK_SIGN_IN_URL: "/sign-in",
    SERVER_PORT: portOf("vite-trpc server"),
    CLERK_TELEMETRY_DISABLED: "1",
    NEXT_PUBLIC_CLERK_TELEMETRY_DISABLED: "1",
    NEXT_TELEMETRY_DISABLED: "1",
  };
}

const pathOf = (file: string) => join(apps.folder, file);
const programs = {
  node: process.execPath,
  bun: "node_modules/bun/bin/bun.exe",
  workerd: "node_modules/workerd/bin/workerd",
};

function launch(name: Name, program: keyof typeof programs, ...args: readonly string[]): RunningProcess {
  const file = program === "node" ? programs.node : pathOf(programs[program]);
  return runProgram(file, args, environmentOf(name));
}

async function run(name: Name, ...args: readonly string[]): Promise<void> {
  const program = launch(name, "node", ...args);
  if ((await program.exited) !== 0) throw new Error(program.output());
}

/** Starts an app and waits until it answers. */
async function start(name: Name, program: keyof typeof programs, ...args: readonly string[]): Promise<void> {
  const app = launch(name, program, ...args);
  running.push(app);
  await waitFor(
    `an answer of ${name}`,
    async () => {
      if (app.child.exitCode !== null) throw new Error(app.output());
      return (await fetch(urls[name])).status;
    },
    timeout,
  ).catch((error: unknown) => {
    throw new Error(app.output(), { cause: error });
  });
}

describe.skipIf(reason)(`the types of the apps${reason}`, () => {
  test.each(["vite-trpc, express-bun, fastify and hono", "vite-react18", "next"])(
    "tsc is strict and checks libraries in %s, and finds nothing in the app or the client",
    (name) => {
      const folder = name.includes(",") ? "." : name;
      const { stdout } = apps.node(
        "node_modules/typescript/bin/tsc",
        "-p",
        folder,
        "--skipLibCheck",
        "false",
      );
      // Clerk's and tRPC's own types import packages that are optional.
      const faults = stdout.split("\n").filter((line) => /error TS/.test(line));
      expect(faults.filter((line) => !/node_modules\/(@clerk|@trpc)\//.test(line))).toEqual([]);
    },
    timeout,
  );
});

describe.skipIf(reason)(`servers that verify a session token of the simulator${reason}`, { timeout }, () => {
  /** Signs a new user up and asks the app for its profile. */
  async function askAs(name: Name, firstName: string): Promise<unknown> {
    const { id } = await system.clerk.users.create({ firstName, lastName: "Pessoa" });
    const token = await system.clerk.sessions.mintToken({ userId: id, azp: urls[name] });
    const answer = await fetch(`${urls[name]}/api/overview`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return [answer.status, await answer.json()];
  }
  const askSignedOut = async (name: Name) => (await fetch(`${urls[name]}/api/overview`)).status;

  test("Fastify shows the profile of a user who just signed up, and refuses a signed-out caller", async () => {
    await start("fastify", "node", pathOf("node_modules/tsx/dist/cli.mjs"), pathOf("fastify/main.ts"));
    expect(await askAs("fastify", "Fabia")).toEqual([200, { nomeCompleto: "Fabia Pessoa" }]);
    expect(await askSignedOut("fastify")).toBe(401);
  });

  test("Express under Bun does the same", async () => {
    await start("express", "bun", pathOf("express-bun/main.ts"));
    expect(await askAs("express", "Bruna")).toEqual([200, { nomeCompleto: "Bruna Pessoa", runtime: "bun" }]);
    expect(await askSignedOut("express")).toBe(401);
  });

  test("Hono on workerd does the same", async () => {
    await build({
      entryPoints: [pathOf("hono/worker.ts")],
      outfile: pathOf("hono/worker.js"),
      ...{ bundle: true, format: "esm", platform: "neutral", mainFields: ["module", "main"] },
      conditions: ["workerd", "worker"],
    });
    const address = `http=${new URL(urls.hono).host}`;
    await start("hono", "workerd", "serve", pathOf("hono/workerd.capnp"), "--socket-addr", address);
    const runtime = "Cloudflare-Workers";
    expect(await askAs("hono", "Helena")).toEqual([200, { nomeCompleto: "Helena Pessoa", runtime }]);
    expect(await askSignedOut("hono")).toBe(401);
  });
});

describeInBrowser(`pages whose Clerk is the simulator${reason}`, { timeout }, (openBrowser) => {
  describe.skipIf(reason)("in Chromium", () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await openBrowser();
    });
    afterAll(() => browser?.close());

    async function untilHeading(page: Page, name: string): Promise<void> {
      const heading = page.getByRole("heading", { name: `${name} Pessoa` });
      await heading.waitFor().catch(async (cause: unknown) => {
        const outputs = running.map(({ output }) => output());
        throw new Error([await page.locator("body").innerText(), ...outputs].join("\n"), { cause });
      });
    }

    /** Signs up in the form of the page, and expects the heading with the profile's name and no error of the page. */
    async function signUp(url: string, name: string) {
      const page = await openPageWithClerk(browser, system.clerk);
      page.setDefaultTimeout(30_000);
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(error.message));
      page.on("response", async (answer) => {
        if (answer.status() >= 400) errors.push(`${answer.status()} ${answer.url()} ${await answer.text()}`);
      });
      const ensured: string[] = [];
      page.on("request", (request) => {
        if (request.method() === "POST" && request.url().endsWith("/api/ensure")) ensured.push(request.url());
      });
      await page.goto(url);
      await page.getByLabel("Name").fill(name);
      await page.getByRole("button", { name: "Sign up" }).click();
      await untilHeading(page, name).catch((error: unknown) => {
        throw new Error(errors.join("\n"), { cause: error });
      });
      expect(errors).toEqual([]);
      return { page, ensured };
    }

    async function startVite(name: "vite-trpc" | "vite-react18"): Promise<void> {
      const vite = pathOf("node_modules/vite/bin/vite.js");
      await run(name, vite, "build", pathOf(name));
      const address = ["--port", portOf(name), "--strictPort", "--host", "127.0.0.1"];
      await start(name, "node", vite, "preview", pathOf(name), ...address);
    }

    test("Vite, React 19 and tRPC show the profile after a sign-up", async () => {
      const tsx = pathOf("node_modules/tsx/dist/cli.mjs");
      await start("vite-trpc server", "node", tsx, pathOf("vite-trpc/server/main.ts"));
      await startVite("vite-trpc");
      const { ensured } = await signUp(urls["vite-trpc"], "Vera");
      expect(ensured).toHaveLength(1);
    });

    test("Vite and React 18 show the profile after a sign-up", async () => {
      await startVite("vite-react18");
      await signUp(urls["vite-react18"], "Olga");
    });

    test("Next.js leads to the sign-in, renders the profile on Node and on the edge, and the browser does not ask again", async () => {
      const next = pathOf("node_modules/next/dist/bin/next");
      await run("next", next, "build", pathOf("next"));
      await start("next", "node", next, "start", pathOf("next"), "-p", portOf("next"), "-H", "localhost");
      const { page, ensured } = await signUp(`${urls.next}/dashboard`, "Nina");
      await page.getByText("Turma neon").waitFor();
      expect(ensured).toEqual([]);
      await page.goto(`${urls.next}/edge`);
      await untilHeading(page, "Nina");
    });
  });
});
