import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runProcess } from "../harness/process.ts";

let clerk: ClerkSimulator;
beforeEach(async () => {
  clerk = await startClerkSimulator();
});
afterEach(() => clerk.stop());

async function setUp(args: readonly string[], environment: Record<string, string> = {}) {
  const named = { CLERK_SECRET_KEY: clerk.secretKey, CLERK_API_URL: clerk.url, ...environment };
  const command = runProcess("apps/cli/dist/main.js", named, ["clerk", "setup", ...args]);
  const code = await command.exited;
  expect(command.output()).not.toContain(named.CLERK_SECRET_KEY);
  return { code, output: command.output() };
}

const hasWebhooks = async () => (await clerk.webhooks.settings()).hasApp;

test("a script changes nothing without --yes, and the steps say what is left to do by hand", async () => {
  const { code, output } = await setUp([]);
  expect([code, await hasWebhooks()]).toEqual([1, false]);
  expect(output).toContain("nothing was changed. --yes turns them on.");
  for (const step of [
    "https://dashboard.clerk.com/~/webhooks",
    "https://<your api>/api/webhooks/clerk",
    "user.created, user.updated, user.deleted, session.created",
    "CLERK_WEBHOOK_SIGNING_SECRET",
  ])
    expect(output).toContain(step);
});

test("--yes turns webhooks on once, and only --link makes a login", async () => {
  const first = await setUp(["--yes", "--json"]);
  expect([first.code, await hasWebhooks()]).toEqual([0, true]);
  expect(JSON.parse(first.output)).toMatchObject({ isOn: true, isChanged: true });
  expect(first.output).not.toContain("svix.example");
  const second = await setUp(["--yes", "--json", "--link"]);
  expect(JSON.parse(second.output)).toMatchObject({
    isOn: true,
    isChanged: false,
    link: expect.stringContaining("https://svix.example/login#key="),
  });
});

test("an address that Clerk cannot reach is refused, with the command that relays", async () => {
  for (const url of ["http://rollcall.example.com", "https://localhost:3000", "https://192.168.0.7/api"]) {
    const { code, output } = await setUp(["--url", url]);
    expect(code).toBe(2);
    expect(output).toMatch(/must be an https:\/\/ address|npx clerk webhooks listen --forward-to/);
  }
  expect(await clerk.requests.list()).toEqual([]);
});

test("an origin is completed, and an address without an api is named", async () => {
  const { output } = await setUp(["--json", "--url", "https://rollcall.invalid"]);
  const url = "https://rollcall.invalid/api/webhooks/clerk";
  expect(JSON.parse(output.slice(output.indexOf("{")))).toMatchObject({
    url,
    answer: expect.stringContaining("no answer"),
  });
});

test("a wrong key is named and not printed", async () => {
  const { code, output } = await setUp([], { CLERK_SECRET_KEY: "sk_test_ofAnotherInstance" });
  expect([code, output]).toEqual([1, expect.stringContaining("clerk.unauthorized")]);
});

test("a Clerk that hangs ends the command, which waits for no answer after the deadline", async () => {
  const hung = createServer(() => undefined);
  await once(hung.listen(0, "127.0.0.1"), "listening");
  const { port } = hung.address() as AddressInfo; // It listens on a port and on no pipe.
  const { code, output } = await setUp([], { CLERK_API_URL: `http://127.0.0.1:${port}` });
  expect([code, output]).toEqual([1, expect.stringContaining("clerk.unavailable")]);
  hung.closeAllConnections();
  hung.close();
});
