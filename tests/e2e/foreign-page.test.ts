import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { describeInBrowser } from "../harness/browser.ts";

describeInBrowser("a foreign page in a developer's browser", {}, (openBrowser) => {
  let clerk: ClerkSimulator;
  let elsewhere: Server;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    elsewhere = createServer((_request, response) =>
      response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>Elsewhere</title>"),
    );
    await once(elsewhere.listen(0, "127.0.0.1"), "listening");
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    elsewhere?.close();
  });
  beforeEach(async () => {
    clerk = await startClerkSimulator();
    await clerk.users.create({ firstName: "Ana" }, { silent: true });
    const { port } = elsewhere.address() as AddressInfo; // It listens on a port and on no pipe.
    const context = await browser.newContext();
    page = await context.newPage();
    // Chromium resolves every name below `localhost` to this machine, as a foreign name server would.
    await page.goto(`http://evil.localhost:${port}/`);
    return async () => {
      await context.close();
      await clerk.stop();
    };
  });

  /** All state that a caller of the control can change. */
  const readState = async () => ({
    users: await clerk.users.list(),
    history: await clerk.history.list(),
    faults: await clerk.faults.list(),
    settings: await clerk.webhooks.settings(),
    disturbance: await clerk.webhooks.disturbance(),
    requests: await clerk.requests.list(),
  });

  test("reads no token, no key and no user, and changes nothing", async () => {
    const before = await readState();
    const [user] = before.users;
    const seen = await page.evaluate(tryEverything(clerk.url, user?.id ?? ""));
    expect(seen).toEqual([]);
    expect(await readState()).toEqual(before);
  });

  test("cannot change state by a form or a link", async () => {
    const before = await readState();
    const paths = ["/__sim/users/create", "/__sim/webhooks/hold"];
    const forms = paths.flatMap((path) => [["post", path] as const, ["get", path] as const]);
    for (const [method, path] of forms) {
      const tab = await page.context().newPage();
      await tab.goto(page.url());
      const answered = tab.waitForResponse((response) => response.url().startsWith(clerk.url));
      await tab.evaluate(submitForm(method, `${clerk.url}${path}`));
      expect((await answered).status()).toBe(403);
    }
    expect(await readState()).toEqual(before);
  });

  test("has no access under a foreign name for this machine either", async () => {
    const before = await readState();
    const answer = await page.goto(`http://evil.localhost:${clerk.port}/__sim/info`);
    expect(answer?.status()).toBe(403);
    expect(await answer?.text()).not.toContain(clerk.secretKey);
    // The page is now of the simulator's own origin, under that name.
    const mint = await page.evaluate(mintToken(before.users[0]?.id ?? ""));
    expect(mint).toEqual([403, false]);
    expect(await readState()).toEqual(before);
  });

  test("of the simulator itself mints tokens", async () => {
    await page.goto(`${clerk.url.replace("127.0.0.1", "localhost")}/__sim/users/count`);
    const [user] = await clerk.users.list();
    expect(await page.evaluate(mintToken(user?.id ?? ""))).toEqual([200, true]);
  });
});

/** Tries each kind of request that a page may send, and returns the answers that it could read. */
const tryEverything = (url: string, userId: string) => `(async () => {
  const paths = ["info", "users/create", "users/count", "webhooks/hold", "webhooks/calm", "faults/heal", "requests/clear"];
  const json = { "content-type": "application/json" };
  const mint = { method: "POST", body: JSON.stringify([{ userId: ${JSON.stringify(userId)} }]) };
  const attempts = [
    ...paths.flatMap((path) => [
      [path, {}],
      [path, { mode: "no-cors" }],
      [path, { method: "POST", mode: "no-cors" }],
      [path, { method: "POST", headers: json, body: "[]" }],
    ]),
    ["sessions/mintToken", mint],
    ["sessions/mintToken", { ...mint, mode: "no-cors" }],
    ["sessions/mintToken", { ...mint, headers: json }],
    ["users/delete", { method: "POST", mode: "no-cors", body: ${JSON.stringify(JSON.stringify([userId]))} }],
    ["faults/add", { method: "POST", mode: "no-cors", body: '[{"kind":"status"}]' }],
  ];
  const read = [];
  for (const [path, request] of attempts) {
    const text = await fetch("${url}/__sim/" + path, request).then((answer) => answer.text(), () => "");
    if (text !== "") read.push(path + ": " + text);
  }
  for (const path of paths) {
    const image = new Image();
    await new Promise((resolve) => {
      image.onload = image.onerror = resolve;
      image.src = "${url}/__sim/" + path;
    });
  }
  return read;
})()`;

const submitForm = (method: string, action: string) => `
  const form = Object.assign(document.createElement("form"), ${JSON.stringify({ method, action, enctype: "text/plain" })});
  document.body.append(form);
  form.submit();`;

/** For a page of the simulator's origin: the status, and whether the answer holds a token. */
const mintToken = (userId: string) => `(async () => {
  const answer = await fetch("/__sim/sessions/mintToken", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify([{ userId: ${JSON.stringify(userId)} }]),
  });
  return [answer.status, (await answer.text()).includes('"result":"ey')];
})()`;
