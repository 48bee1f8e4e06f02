import { z } from "zod";
import type { Random } from "../random.ts";
import { type ClerkUser, emptyUser } from "./clerk-user.ts";
import type { History } from "./history.ts";
import { applyPatch, type UserInput, type UserPatch } from "./user-input.ts";
import type { UserStore } from "./user-store.ts";

export const changeOptionsSchema = z.object({
  /** True: this change makes no webhook, not even a lost one. */
  silent: z.boolean().optional(),
  /** True: `updated_at` stays, which makes two states with the same timestamp. */
  keepUpdatedAt: z.boolean().optional(),
});
export type ChangeOptions = z.input<typeof changeOptionsSchema>;

export const seedOptionsSchema = z.object({
  /** Sign-up time of the first user; by default the last user signs up now. */
  firstCreatedAtMs: z.number().int().optional(),
  /** Time between two sign-ups, 1000 by default. */
  stepMs: z.number().int().nonnegative().optional(),
});
export type SeedOptions = z.input<typeof seedOptionsSchema>;

export type Users = {
  create(input?: UserInput, options?: ChangeOptions): ClerkUser;
  update(id: string, patch: UserPatch, options?: ChangeOptions): ClerkUser;
  delete(id: string, options?: ChangeOptions): void;
  /** Restores a user of an earlier run, without history and without a webhook. */
  restore(user: ClerkUser): void;
  seed(count: number, options?: SeedOptions): void;
  recordSignIn(id: string): void;
};

type UsersContext = {
  store: UserStore;
  history: History;
  random: Random;
  now: () => number;
  /** Sends the webhook of a change that is not silent; `json` is the event's serialised `data`. */
  announce(type: string, userId: string, json: string): void;
  /** Called while the user still exists. */
  beforeDelete(userId: string, options: ChangeOptions): void;
};

/** The id belongs to no user, or to a deleted one. */
export class UnknownUserError extends Error {
  constructor(id: string) {
    super(`there is no user ${id}`);
  }
}

/** All changes of users: each one is stored, recorded in the history and announced by webhook. */
export function createUsers(context: UsersContext): Users {
  const { store, history, random, now, announce } = context;
  const newEmailId = () => `idn_2${random.base62(26)}`;

  function slotOf(id: string): number {
    const slot = store.slotOf(id);
    if (slot === null) throw new UnknownUserError(id);
    return slot;
  }

  function create(input: UserInput = {}, options: ChangeOptions = {}): ClerkUser {
    const slot = store.nextSlot();
    const id = input.id ?? store.ids.idOf(slot);
    const createdAtMs = input.createdAtMs ?? now();
    const user = applyPatch(emptyUser(id, createdAtMs), input, createdAtMs, newEmailId);
    store.add(slot, user, { createdAtMs, updatedAtMs: createdAtMs }, id);
    history.record("created", id);
    if (options.silent !== true) announce("user.created", id, store.jsonOf(slot));
    return store.userOf(slot);
  }

  function update(id: string, patch: UserPatch, options: ChangeOptions = {}): ClerkUser {
    const slot = slotOf(id);
    const before = store.updatedAtOf(slot);
    const updatedAtMs = options.keepUpdatedAt === true ? before : Math.max(now(), before + 1);
    const changed = { ...store.userOf(slot), updated_at: updatedAtMs };
    const user = applyPatch(changed, patch, updatedAtMs, newEmailId);
    store.replace(slot, user, { createdAtMs: store.createdAtOf(slot), updatedAtMs });
    history.record("updated", id);
    if (options.silent !== true) announce("user.updated", id, store.jsonOf(slot));
    return store.userOf(slot);
  }

  function remove(id: string, options: ChangeOptions = {}): void {
    const slot = slotOf(id);
    context.beforeDelete(id, options);
    store.remove(slot);
    history.record("deleted", id);
    if (options.silent !== true) {
      announce("user.deleted", id, JSON.stringify({ object: "user", id, deleted: true }));
    }
  }

  function restore(user: ClerkUser): void {
    store.add(store.nextSlot(), user, { createdAtMs: user.created_at, updatedAtMs: user.updated_at });
  }

  function seed(count: number, { firstCreatedAtMs, stepMs = 1000 }: SeedOptions = {}): void {
    const first = firstCreatedAtMs ?? now() - count * stepMs;
    for (let i = 0; i < count; i++) {
      const createdAtMs = first + i * stepMs;
      store.addSynthetic({ createdAtMs, updatedAtMs: createdAtMs });
    }
    history.recordSeed(count);
  }

  /** A sign-in sets two times of the user and, as at Clerk, causes no `user.updated`. */
  function recordSignIn(id: string): void {
    const slot = slotOf(id);
    const at = now();
    const user = { ...store.userOf(slot), last_sign_in_at: at, last_active_at: at };
    store.replace(slot, user, { createdAtMs: store.createdAtOf(slot), updatedAtMs: store.updatedAtOf(slot) });
    history.record("signed-in", id);
  }

  return { create, update, delete: remove, restore, seed, recordSignIn };
}
