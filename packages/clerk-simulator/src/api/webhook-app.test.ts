import { createClerkClient } from "@clerk/backend";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ClerkSimulator, startClerkSimulator } from "../index.ts";

let clerk: ClerkSimulator;
let sdk: ReturnType<typeof createClerkClient>;

beforeEach(async () => {
  clerk = await startClerkSimulator();
  sdk = createClerkClient({ secretKey: clerk.secretKey, apiUrl: clerk.url });
});
afterEach(() => clerk.stop());

const refusedWith = (code: string) => ({ status: 400, errors: [{ code }] });

test("an instance has webhooks from the first request for them, and its links differ", async () => {
  await expect(sdk.webhooks.generateSvixAuthURL()).rejects.toMatchObject(refusedWith("svix_app_missing"));
  const { svix_url: first } = await sdk.webhooks.createSvixApp();
  const { svix_url: second } = await sdk.webhooks.generateSvixAuthURL();
  expect([first, second]).toEqual([expect.stringMatching(/^https:/), expect.not.stringMatching(first)]);
  await expect(sdk.webhooks.createSvixApp()).rejects.toMatchObject(refusedWith("svix_app_exists"));
});

test("with the webhooks of an instance its endpoint goes too", async () => {
  await clerk.webhooks.configure({ url: "http://127.0.0.1:1/" });
  await sdk.webhooks.generateSvixAuthURL();
  await sdk.webhooks.deleteSvixApp();
  expect(await clerk.webhooks.settings()).toMatchObject({ url: null, hasApp: false });
  await expect(sdk.webhooks.generateSvixAuthURL()).rejects.toMatchObject(refusedWith("svix_app_missing"));
});
