import { addressesOf, type ClerkUser } from "./clerk-user.ts";
import { createOrderedSlots, type OrderedSlots } from "./ordered-slots.ts";
import { createSyntheticUsers } from "./synthetic-user.ts";
import { createUserIds, type UserIds } from "./user-ids.ts";

/**
 * Users by slot: a number assigned in the order of arrival and never reused. A seeded user is synthetic and made on
 * demand. After its first change, its JSON is kept.
 */
export type UserStore = {
  ids: UserIds;
  byCreation: OrderedSlots;
  byUpdate: OrderedSlots;
  nextSlot(): number;
  /** Throws when the id was ever used before: Clerk never reuses ids. */
  /** `id` names the user where its JSON has another one, or none that can be read. */
  add(slot: number, user: ClerkUser, times: UserTimes, id?: string): void;
  addSynthetic(times: UserTimes): void;
  replace(slot: number, user: ClerkUser, times: UserTimes): void;
  remove(slot: number): void;
  /** Null when there is no such user. */
  slotOf(id: string): number | null;
  slotsWithEmail(address: string): number[];
  jsonOf(slot: number): string;
  userOf(slot: number): ClerkUser;
  createdAtOf(slot: number): number;
  updatedAtOf(slot: number): number;
  compareCreation(a: number, b: number): number;
  /** The users of this moment, which later changes of this store leave as they are. */
  copy(): UserStore;
};

/** The sort keys of a user, in milliseconds. They are separate from the JSON, because a test may spoil the JSON. */
type UserTimes = { createdAtMs: number; updatedAtMs: number };

/** What a store holds. Everything else follows from it and the seed. */
type Contents = {
  createdAt: number[];
  updatedAt: number[];
  kept: Map<number, string>;
  removed: Set<number>;
  given: [slot: number, id: string][];
};

export function createUserStore(seed: number, contents?: Contents): UserStore {
  const ids = createUserIds(seed);
  const synthetic = createSyntheticUsers(seed, ids);
  const createdAt = [...(contents?.createdAt ?? [])];
  const updatedAt = [...(contents?.updatedAt ?? [])];
  const kept = new Map(contents?.kept);
  const removed = new Set(contents?.removed);
  const given = createGivenIds(ids, contents?.given);
  const emails = new Map<string, Set<number>>();

  const compareCreation = compareBy(createdAtOf, given.idOf);
  const byCreation = createOrderedSlots(compareCreation);
  const byUpdate = createOrderedSlots(compareBy(updatedAtOf, given.idOf));

  function createdAtOf(slot: number): number {
    return createdAt[slot] ?? 0;
  }
  function updatedAtOf(slot: number): number {
    return updatedAt[slot] ?? 0;
  }
  function isLive(slot: number): boolean {
    return slot < createdAt.length && !removed.has(slot);
  }
  function jsonOf(slot: number): string {
    return kept.get(slot) ?? synthetic.jsonOf(slot, createdAtOf(slot), updatedAtOf(slot));
  }
  function userOf(slot: number): ClerkUser {
    // This store wrote the JSON, from a ClerkUser.
    return JSON.parse(jsonOf(slot)) as ClerkUser;
  }
  function place(slot: number, times: UserTimes): void {
    createdAt[slot] = times.createdAtMs;
    updatedAt[slot] = times.updatedAtMs;
    byCreation.insert(slot);
    byUpdate.insert(slot);
  }
  function displace(slot: number): void {
    byCreation.remove(slot);
    byUpdate.remove(slot);
    if (kept.has(slot))
      for (const address of foldedAddresses(userOf(slot))) emails.get(address)?.delete(slot);
  }
  function keep(slot: number, user: ClerkUser, times: UserTimes): void {
    kept.set(slot, JSON.stringify(user));
    rememberAddresses(slot, user);
    place(slot, times);
  }
  function rememberAddresses(slot: number, user: ClerkUser): void {
    for (const address of foldedAddresses(user))
      emails.set(address, (emails.get(address) ?? new Set()).add(slot));
  }

  for (const slot of createdAt.keys()) {
    if (removed.has(slot)) continue;
    byCreation.insert(slot);
    byUpdate.insert(slot);
    if (kept.has(slot)) rememberAddresses(slot, userOf(slot));
  }

  return {
    ids: { ...ids, idOf: given.idOf },
    byCreation,
    byUpdate,
    createdAtOf,
    updatedAtOf,
    compareCreation,
    jsonOf,
    userOf,
    nextSlot: () => createdAt.length,
    copy: () => createUserStore(seed, { createdAt, updatedAt, kept, removed, given: given.list() }),
    add(slot, user, times, id = user.id) {
      given.remember(slot, id);
      keep(slot, user, times);
    },
    addSynthetic: (times) => place(createdAt.length, times),
    replace(slot, user, times) {
      displace(slot);
      keep(slot, user, times);
    },
    remove(slot) {
      displace(slot);
      kept.delete(slot);
      removed.add(slot);
    },
    slotOf(id) {
      const slot = given.slotOf(id);
      return slot !== null && isLive(slot) ? slot : null;
    },
    slotsWithEmail(address) {
      const slots = [...(emails.get(address) ?? [])];
      const slot = synthetic.slotOfEmail(address);
      if (slot !== null && isLive(slot) && !kept.has(slot)) slots.push(slot);
      return slots;
    },
  };
}

/** Ids chosen by a test, beside the ids that follow from the slot. */
function createGivenIds(ids: UserIds, given: readonly [slot: number, id: string][] = []) {
  const idBySlot = new Map(given);
  const slotById = new Map(given.map(([slot, id]) => [id, slot]));
  return {
    list: () => [...idBySlot],
    idOf: (slot: number) => idBySlot.get(slot) ?? ids.idOf(slot),
    slotOf: (id: string) => slotById.get(id) ?? ids.slotOf(id),
    remember(slot: number, id: string) {
      if (id === ids.idOf(slot)) return;
      if (slotById.has(id) || ids.slotOf(id) !== null) throw new Error(`the id ${id} was used before`);
      idBySlot.set(slot, id);
      slotById.set(id, slot);
    },
  };
}

function compareBy(timeOf: (slot: number) => number, idOf: (slot: number) => string) {
  return (a: number, b: number): number => {
    const difference = timeOf(a) - timeOf(b);
    if (difference !== 0 || a === b) return difference;
    return idOf(a) < idOf(b) ? -1 : 1;
  };
}

function foldedAddresses(user: ClerkUser): string[] {
  return addressesOf(user).map((email) => email.email_address.toLowerCase());
}
