import fc from "fast-check";
import { expect, it } from "vitest";
import { emptyUser } from "./clerk-user.ts";
import { createOrderedSlots } from "./ordered-slots.ts";
import { createUserIds } from "./user-ids.ts";
import { createUserStore } from "./user-store.ts";

it("ids have Clerk's form, map back to their slot, and are unique", () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 32 - 1 }), fc.nat({ max: 10_000_000 }), (seed, slot) => {
      const ids = createUserIds(seed);
      expect(ids.idOf(slot)).toMatch(/^user_[0-9A-Za-z]{27}$/);
      expect(ids.slotOf(ids.idOf(slot))).toBe(slot);
      expect(ids.slotOf(createUserIds(seed + 1).idOf(slot))).toBeNull();
    }),
  );
  const ids = createUserIds(1);
  expect(new Set(Array.from({ length: 50_000 }, (_, slot) => ids.idOf(slot))).size).toBe(50_000);
});

it("ordered slots agree with a sorted array after any insertions and removals", () => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 9_999 })), {
    minLength: 3000,
    maxLength: 4000,
  });
  fc.assert(
    fc.property(steps, fc.nat({ max: 7_000 }), (changes, from) => {
      const ordered = createOrderedSlots((a, b) => a - b);
      // Each insertion is at the front, so that chunks are split.
      const model = new Set(Array.from({ length: 5_000 }, (_, i) => 2 * (4_999 - i)));
      for (const slot of model) ordered.insert(slot);
      for (const [add, slot] of changes) {
        if (add && !model.has(slot)) ordered.insert(slot);
        if (!add && model.has(slot)) ordered.remove(slot);
        if (add) model.add(slot);
        else model.delete(slot);
      }
      const sorted = [...model].sort((a, b) => a - b);
      expect(ordered.size()).toBe(sorted.length);
      expect(ordered.range(from, from + 500)).toEqual(sorted.slice(from, from + 500));
      expect(ordered.countWhile((slot) => slot < from)).toBe(sorted.filter((slot) => slot < from).length);
    }),
    { numRuns: 20 },
  );
});

it("a synthetic user is complete, the same each time, and found by its address", () => {
  const store = createUserStore(9);
  for (let slot = 0; slot < 300; slot++) store.addSynthetic({ createdAtMs: slot, updatedAtMs: slot });
  for (let slot = 0; slot < 300; slot++) {
    const user = store.userOf(slot);
    expect(Object.keys(user)).toEqual(Object.keys(emptyUser("", 0)));
    expect(user).toMatchObject({ id: store.ids.idOf(slot), created_at: slot, updated_at: slot });
    const [email] = user.email_addresses;
    expect(user.primary_email_address_id).toBe(email?.id ?? null);
    if (email !== undefined) expect(store.slotsWithEmail(email.email_address)).toEqual([slot]);
  }
  expect(store.userOf(210).email_addresses).toEqual([]);
  expect(store.jsonOf(0)).not.toContain("@id");
});

it("a changed synthetic user is kept, and a removed one does not return", () => {
  const store = createUserStore(9);
  store.addSynthetic({ createdAtMs: 1, updatedAtMs: 1 });
  const before = store.userOf(0);
  const address = before.email_addresses[0]?.email_address ?? "";
  store.replace(0, { ...before, email_addresses: [], first_name: "Zoe" }, { createdAtMs: 1, updatedAtMs: 2 });
  expect(store.userOf(0).first_name).toBe("Zoe");
  expect(store.slotsWithEmail(address)).toEqual([]);
  store.remove(0);
  expect(store.slotOf(before.id)).toBeNull();
  expect(store.byCreation.size()).toBe(0);
  expect(store.nextSlot()).toBe(1);
});
