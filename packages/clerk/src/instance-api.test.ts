import { createPublicKey } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { type ClerkSimulator, startClerkSimulator } from "@rollcall/clerk-simulator";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createInstanceApi, type InstanceApi } from "./instance-api.ts";

let clerk: ClerkSimulator;
let api: InstanceApi;
let abandoned = 0;
beforeEach(async () => {
  clerk = await startClerkSimulator({ rateLimit: null });
  api = open({});
  abandoned = 0;
});
afterEach(() => clerk.stop());

const open = (options: Partial<Parameters<typeof createInstanceApi>[0]>) =>
  createInstanceApi({
    secretKey: clerk.secretKey,
    apiUrl: clerk.url,
    onAbandoned: () => {
      abandoned++;
    },
    ...options,
  });

test("the keys of an instance are readable", async () => {
  const [key] = await api.readKeys();
  expect(createPublicKey({ key: key ?? {}, format: "jwk" }).export({ type: "spki", format: "pem" })).toBe(
    `${clerk.jwtKey.trim()}\n`,
  );
});

test("webhooks are turned on once, and only then there is a page", async () => {
  expect(await api.findWebhookPage()).toBeUndefined();
  await api.turnOnWebhooks();
  await api.turnOnWebhooks();
  expect(await api.findWebhookPage()).toMatch(/^https:/);
});

test.each([
  [401, "clerk.unauthorized"],
  [403, "clerk.unauthorized"],
  [429, "clerk.rate_limited"],
  [503, "clerk.unavailable"],
  [404, "clerk.unreadable"],
])("a %i is %s", async (status, code) => {
  await clerk.faults.add({ kind: "status", status });
  for (const call of [api.readKeys, api.findWebhookPage, api.turnOnWebhooks])
    await expect(call()).rejects.toMatchObject({ code, message: `Clerk answered ${status}` });
});

test("a Clerk that does not answer costs the deadline, and the request is reported as abandoned", async () => {
  await clerk.faults.add({ kind: "hang" });
  const impatient = open({ timeoutMs: 50 });
  await expect(impatient.readKeys()).rejects.toMatchObject({ code: "clerk.unavailable" });
  expect(abandoned).toBe(1);
  clerk.faults.heal();
  await api.readKeys();
  expect(abandoned).toBe(1);
});

/** Answers every request alike. */
async function withServer(answer: RequestListener, work: (apiUrl: string) => Promise<void>): Promise<void> {
  const server = createServer(answer);
  await once(server.listen(0, "127.0.0.1"), "listening");
  try {
    const { port } = server.address() as AddressInfo; // It listens on a port and on no pipe.
    await work(`http://127.0.0.1:${port}`);
  } finally {
    server.close();
  }
}

const json = { "content-type": "application/json" };

test.each([
  ["another form", json, '{"keys":[{}]}'],
  ["a page of a proxy", { "content-type": "text/html" }, "<h1>Sign in</h1>"],
])("an answer of %s is unreadable", async (_name, headers, body) => {
  await withServer(
    (_request, response) => response.writeHead(200, headers).end(body),
    async (apiUrl) => {
      const { readKeys, findWebhookPage } = open({ apiUrl });
      for (const call of [readKeys, findWebhookPage])
        await expect(call()).rejects.toMatchObject({ code: "clerk.unreadable" });
    },
  );
});

test("no error holds the key, whatever the key and the answer are", async () => {
  const echo: RequestListener = ({ headers }, response) => {
    const errors = [{ code: headers.authorization, message: headers.authorization }];
    response.writeHead(400, json).end(JSON.stringify({ errors }));
  };
  await withServer(echo, async (apiUrl) => {
    const attempts = [
      open({ secretKey: "sk_test_planted\u00e9\u0001" }),
      open({ secretKey: "sk_test_planted", apiUrl }),
      open({ secretKey: "sk_test_planted", apiUrl: "http://127.0.0.1:1" }),
    ];
    for (const { readKeys, findWebhookPage, turnOnWebhooks } of attempts)
      for (const call of [readKeys, findWebhookPage, turnOnWebhooks]) {
        const error: unknown = await call().catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(Error);
        expect(inspect(error, { depth: 10 })).not.toContain("planted");
      }
  });
});
