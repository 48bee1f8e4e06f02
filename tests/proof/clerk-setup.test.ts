import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { defaultMapping } from "@rollcall/contracts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { makeProcessFolder, runProcess } from "../harness/process.ts";

let clerk: ClerkSimulator;
beforeAll(async () => {
  clerk = await startClerkSimulator();
});
beforeEach(() => clerk.webhooks.configure({ hasApp: false }));
afterAll(() => clerk?.stop());

async function setUp(args: readonly string[], environment: Record<string, string> = {}) {
  const named = { CLERK_SECRET_KEY: clerk.secretKey, CLERK_API_URL: clerk.url, ...environment };
  const command = runProcess("apps/cli/dist/main.js", named, ["clerk", "setup", ...args]);
  const code = await command.exited;
  expect(command.output()).not.toContain(named.CLERK_SECRET_KEY);
  return { code, output: command.output() };
}

const hasWebhooks = async () => (await clerk.webhooks.settings()).hasApp;

async function withServer(answer: RequestListener, work: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(answer);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo; // It listens on a port and on no pipe.
  try {
    await work(`http://127.0.0.1:${port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

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

test("with organizations in the mapping, the steps name their types too", async () => {
  const file = join(makeProcessFolder(), "mapping.json");
  writeFileSync(file, JSON.stringify({ ...defaultMapping, organizations: {} }));
  const { output } = await setUp(["--yes", "--json"], { ROLLCALL_CONFIG: file });
  const { eventTypes, steps } = JSON.parse(output);
  expect(eventTypes).toHaveLength(10);
  expect(steps.join()).toContain("session.created, organization.created");
  // The simulator takes them for its endpoint, as Clerk does.
  await clerk.webhooks.configure({ url: `${clerk.url}/elsewhere`, events: eventTypes });
  expect((await clerk.webhooks.settings()).events).toEqual(eventTypes);
  await clerk.webhooks.configure({ url: null, events: null });
});

test("--yes turns webhooks on once, only --link makes a login, and --url is asked for an api", async () => {
  const refusal = {
    error: { code: "webhook.invalid_signature", message: "Invalid signature." },
    requestId: "1",
  };
  const asked: string[] = [];
  const api: RequestListener = ({ method, url }, response) => {
    asked.push(`${method} ${url}`);
    response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify(refusal));
  };
  await withServer(api, async (origin) => {
    const first = await setUp(["--yes", "--json", "--url", origin]);
    expect([first.code, await hasWebhooks(), asked]).toEqual([0, true, ["POST /api/webhooks/clerk"]]);
    expect(JSON.parse(first.output)).toMatchObject({
      isOn: true,
      isChanged: true,
      url: `${origin}/api/webhooks/clerk`,
      answer: "a Rollcall api answers, and has a signing secret",
    });
    expect(first.output).not.toContain("svix.example");
  });
  const second = await setUp(["--yes", "--json", "--link", "--url", `${clerk.url}/elsewhere`]);
  expect(JSON.parse(second.output)).toMatchObject({
    isOn: true,
    isChanged: false,
    link: expect.stringContaining("https://svix.example/login#key="),
    answer: "the answer is 401, and not of a Rollcall api",
  });
});

test("an address that the real Clerk cannot reach is refused, with the command that relays", async () => {
  const real = { CLERK_API_URL: "https://clerk.invalid" };
  for (const url of ["http://localhost:3000", "https://172.20.0.2"]) {
    const { code, output } = await setUp(["--url", url], real);
    expect([code, output]).toEqual([2, expect.stringContaining("npx clerk webhooks listen --forward-to")]);
  }
});

test("a wrong key is named and not printed", async () => {
  const { code, output } = await setUp([], { CLERK_SECRET_KEY: "sk_test_ofAnotherInstance" });
  expect([code, output]).toEqual([1, expect.stringContaining("clerk.unauthorized")]);
});

test("a Clerk that hangs ends the command, which waits for no answer after the deadline", async () => {
  await withServer(
    () => undefined,
    async (origin) => {
      const { code, output } = await setUp([], { CLERK_API_URL: origin });
      expect([code, output]).toEqual([1, expect.stringContaining("clerk.unavailable")]);
    },
  );
});
