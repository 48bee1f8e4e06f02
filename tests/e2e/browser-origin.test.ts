import { createServer, type Server } from "node:http";
import { findFreePort } from "@rollcall/local-services";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeInBrowser } from "../harness/browser.ts";
import { untilProfile } from "../harness/calls.ts";
import { type System, startSystem } from "../harness/system.ts";

describeInBrowser("ensure from a page of another origin", { timeout: 120_000 }, (openBrowser) => {
  let system: System;
  let browser: Browser;
  let server: Server;
  let page: { allowed: string; refused: string };

  beforeAll(async () => {
    const port = await findFreePort();
    // The same page under two names, which are two origins.
    page = { allowed: `http://127.0.0.1:${port}`, refused: `http://localhost:${port}` };
    server = createServer((_request, response) => {
      response.setHeader("content-type", "text/html");
      response.end("<!doctype html><title>An app</title>");
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    system = await startSystem({
      backend: "postgres",
      environment: { CLERK_AUTHORIZED_PARTIES: page.allowed },
    });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
    await system?.stop();
  });

  /** What a script of the page sees of an answer. */
  async function callFrom(origin: string, token: string, headers: Record<string, string>) {
    const tab = await browser.newPage();
    await tab.goto(origin);
    const seen = await tab.evaluate(
      async ({ url, all }) => {
        try {
          const answer = await fetch(url, { method: "POST", headers: all });
          return { status: answer.status, retryAfter: answer.headers.get("retry-after") };
        } catch {
          return "blocked";
        }
      },
      { url: `${system.apiUrl}/api/ensure`, all: { authorization: `Bearer ${token}`, ...headers } },
    );
    await tab.close();
    return seen;
  }

  test.each([
    [
      "Sentry",
      { "sentry-trace": "d4cda95b652f4a1592b449d5929fda1b-6e0c63257de34c92-1", baggage: "sentry-x=1" },
    ],
    ["OpenTelemetry", { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`, tracestate: "a=b" }],
    ["Datadog", { "x-datadog-trace-id": "1", "x-datadog-parent-id": "2", "x-datadog-origin": "rum" }],
    ["nothing else", {}],
  ])("works with the headers of %s", async (_tool, headers) => {
    const person = await system.clerk.users.create();
    await untilProfile(system, person.id);
    const token = await system.clerk.sessions.mintToken({ userId: person.id, azp: page.allowed });
    expect(await callFrom(page.allowed, token, headers)).toMatchObject({ status: 200 });
  });

  test("lets the page read Retry-After", async () => {
    const person = await system.clerk.users.create({}, { silent: true });
    const fault = await system.clerk.faults.add({ kind: "hang" });
    const token = await system.clerk.sessions.mintToken({ userId: person.id, azp: page.allowed });
    expect(await callFrom(page.allowed, token, {})).toEqual({ status: 202, retryAfter: "1" });
    await system.clerk.faults.remove(fault);
  });

  test("is blocked for an origin that is not listed", async () => {
    const token = await system.clerk.sessions.mintToken({ userId: "user_1", azp: page.allowed });
    expect(await callFrom(page.refused, token, {})).toBe("blocked");
  });
});
