import { afterEach, beforeEach, expect, it } from "vitest";
import { type ClerkSimulator, startClerkSimulator } from "../index.ts";

let clerk: ClerkSimulator;

beforeEach(async () => {
  // The clock stands still, so that only the simulator can make timestamps differ.
  clerk = await startClerkSimulator({ seed: 2, now: () => 1_700_000_000_000 });
});
afterEach(() => clerk.stop());

it("updated_at grows with every change even while the clock stands still, unless a test keeps it", async () => {
  const { id, updated_at } = await clerk.users.create();
  expect((await clerk.users.update(id, { firstName: "Ana" })).updated_at).toBe(updated_at + 1);
  expect((await clerk.users.ban(id)).updated_at).toBe(updated_at + 2);
  const kept = await clerk.users.update(id, { firstName: "Bia" }, { keepUpdatedAt: true });
  expect(kept).toMatchObject({ first_name: "Bia", updated_at: updated_at + 2 });
});

it("a sign-in changes the two sign-in times and nothing else", async () => {
  const before = await clerk.users.create();
  await clerk.sessions.signIn(before.id);
  const at = 1_700_000_000_000;
  expect(await clerk.users.get(before.id)).toEqual({ ...before, last_sign_in_at: at, last_active_at: at });
});

it("the first address is primary, and an address keeps its id after changes", async () => {
  const emails = ["ana@example.com", { address: "work@example.com", status: "unverified" as const }];
  const { id, email_addresses, primary_email_address_id } = await clerk.users.create({ emails });
  expect(email_addresses.map((email) => email.verification?.status)).toEqual(["verified", "unverified"]);
  expect(primary_email_address_id).toBe(email_addresses[0]?.id);
  const swapped = await clerk.users.update(id, { emails: emails.toReversed() });
  expect(swapped.primary_email_address_id).toBe(email_addresses[1]?.id);
  expect(await clerk.users.update(id, { email: null })).toMatchObject({
    email_addresses: [],
    primary_email_address_id: null,
  });
});

it("a user can hold values that Clerk never sends, and is still listed", async () => {
  const { id } = await clerk.users.create({
    email: "a@example.com",
    raw: { email_addresses: null, created_at: "now" },
  });
  expect(await clerk.users.get(id)).toMatchObject({ email_addresses: null, created_at: "now" });
  expect(await clerk.users.list()).toHaveLength(1);
  await clerk.users.update(id, { email: "b@example.com" });
  expect((await clerk.users.get(id)).email_addresses).toHaveLength(1);
  await clerk.users.delete(id);
});

it("an id is never used twice", async () => {
  const chosen = await clerk.users.create({ id: "user_chosen" });
  const made = await clerk.users.create();
  for (const { id } of [chosen, made]) {
    await clerk.users.delete(id);
    await expect(clerk.users.create({ id })).rejects.toThrow(/used before/);
  }
});

it("the same seed makes the same users", async () => {
  await clerk.users.seed(300);
  const twin = await startClerkSimulator({ seed: 2, now: () => 1_700_000_000_000 });
  await twin.users.seed(300);
  expect(await twin.users.list()).toEqual(await clerk.users.list());
  await twin.stop();
});

it("the history holds every change in order", async () => {
  await clerk.users.seed(2);
  const { id } = await clerk.users.create();
  await clerk.users.update(id, {});
  await clerk.sessions.signIn(id);
  await clerk.users.delete(id);
  const entries = await clerk.history.list();
  expect(entries.map((entry) => entry.change)).toEqual([
    "seeded",
    "created",
    "updated",
    "signed-in",
    "deleted",
  ]);
  expect(entries[0]).toMatchObject({ sequence: 1, count: 2 });
  expect(await clerk.history.list({ change: "deleted" })).toMatchObject([{ userId: id, sequence: 5 }]);
  expect(await clerk.history.list({ after: 3, limit: 1 })).toMatchObject([{ sequence: 4 }]);
});
