import { createServer } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isDevelopmentServer } from "./development.ts";
import { createRollcallClient, type RollcallClientOptions } from "./rollcall-client.ts";
import { type RollcallError, translateError } from "./rollcall-error.ts";
import { type EnsureServer, failure, startEnsureServer } from "./testing/ensure-server.ts";

let server: EnsureServer;
beforeAll(async () => {
  server = await startEnsureServer();
});
afterAll(() => server.stop());

const claims = Buffer.from(JSON.stringify({ sub: "user_ana", azp: "http://localhost:5173" }));
const token = `e30.${claims.toString("base64url")}.signature`;

function at(href: string | undefined): void {
  const location = href === undefined ? undefined : new URL(href);
  Object.defineProperty(globalThis, "location", { value: location, configurable: true, writable: true });
}
beforeEach(() => at(undefined));

async function failed(options: Partial<RollcallClientOptions> = {}): Promise<RollcallError> {
  const client = createRollcallClient({
    baseUrl: server.url,
    getToken: async () => token,
    retryDelaysMs: [],
    locale: "en",
    ...options,
  });
  return client.ensure().then(
    () => Promise.reject(new Error("The call did not fail")),
    (error: RollcallError) => error,
  );
}

describe("in development", () => {
  beforeEach(() => at("http://localhost:5173/dashboard"));

  test("a call without an answer names this page's origin and the setting that lacks it", async () => {
    server.will("break");
    const error = await failed();
    expect(error.message).toMatch(/^The server could not be reached\. .*CLERK_AUTHORIZED_PARTIES/);
    expect(error.message).toContain("http://localhost:5173");
    expect(error.message).toContain(server.url);
    expect(error.message).not.toContain("Check your connection");
    expect(translateError(error, "pt-BR").message).toMatch(
      /^Não foi possível falar com o servidor\. .*CLERK_AUTHORIZED_PARTIES/,
    );
  });

  test("a server that does not run is named, also by a page of the same origin", async () => {
    const idle = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => idle.once("listening", resolve));
    const { port } = idle.address() as { port: number };
    await new Promise((resolve) => idle.close(resolve));
    at(`http://127.0.0.1:${port}/`);
    const { message } = await failed({ baseUrl: `http://127.0.0.1:${port}` });
    expect(message).toContain(`does not run at http://127.0.0.1:${port}`);
    expect(message).not.toContain("CLERK_AUTHORIZED_PARTIES");
  });

  test("a refused token names its azp and the settings", async () => {
    server.will(failure(401, "unauthenticated"));
    expect((await failed()).message).toMatch(
      /^Sentence of unauthenticated\. .*CLERK_AUTHORIZED_PARTIES lacks http:\/\/localhost:5173.*CLERK_JWT_KEY/,
    );
  });

  test("a token without azp names the variable that accepts it", async () => {
    server.will(failure(401, "session.no_azp"));
    expect(await failed()).toMatchObject({
      code: "session.no_azp",
      status: 401,
      message: expect.stringContaining("CLERK_ACCEPT_MISSING_AZP=true"),
    });
  });

  test("other errors have the api's message alone", async () => {
    server.will(failure(503, "queue.unavailable"));
    expect(await failed()).toMatchObject({ message: "Sentence of queue.unavailable.", hint: undefined });
  });

  test("a getToken that throws is not taken for a network error", async () => {
    expect((await failed({ getToken: () => Promise.reject(new Error("no")) })).message).toContain(
      "getToken threw",
    );
  });
});

test("in production, people read what they can do, and no setting", async () => {
  at("https://app.example.com/");
  server.will("break");
  expect((await failed()).message).toBe(
    "The server could not be reached. Check your connection and try again.",
  );
  server.will(failure(401, "session.no_azp"));
  expect(await failed()).toMatchObject({ code: "session.no_azp", message: "Sentence of session.no_azp." });
  expect((await failed({ development: true })).message).toContain("CLERK_ACCEPT_MISSING_AZP");
});

test.each([
  ["http://localhost:5173/", true],
  ["http://127.0.0.1:3003/", true],
  ["http://[::1]:3003/", true],
  ["http://app.localhost:3000/", true],
  ["https://app.example.com/", false],
  ["https://localhost/", false],
  ["http://localhost/", false],
  ["capacitor://localhost/", false],
  ["tauri://localhost/", false],
  ["http://localhost.example.com:8080/", false],
  [undefined, false],
])("the page %s is a development server: %s", (href, expected) => {
  at(href);
  expect(isDevelopmentServer()).toBe(expected);
});
