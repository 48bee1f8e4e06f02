import type { ClerkUser, RemoteClerkSimulator } from "@rollcall/clerk-simulator";
import type { Ledger } from "../ledger.ts";
import type { Change } from "../plan/plan.ts";

type Patch = NonNullable<Parameters<RemoteClerkSimulator["users"]["create"]>[0]>;

export type ClerkAccounts = ReturnType<typeof createClerkAccounts>;

/**
 * The plan's users and their accounts at Clerk. A user that left may sign up again, under a new id and the old address.
 * All names and addresses hold the words that `findCanaries` looks for.
 */
export function createClerkAccounts(clerk: RemoteClerkSimulator, ledger: Ledger, seed: number) {
  const generations = new Map<number, number>();
  const idOf = (user: number, generation: number) => nameAccount(seed, user, generation);
  /** The user's account now, or its last one, or its first one before it signs up. */
  const currentId = (user: number) => idOf(user, Math.max(0, (generations.get(user) ?? 0) - 1));

  function record(id: string, version: ClerkUser, change: string): ClerkUser {
    ledger.accounts.get(id)?.versions.push(version);
    ledger.note(id, `at Clerk: ${change}, updated_at ${version.updated_at}`);
    return version;
  }

  return {
    currentId,
    signUp: async (user: number, isVerified = true): Promise<ClerkUser> => {
      const generation = generations.get(user) ?? 0;
      const id = idOf(user, generation);
      generations.set(user, generation + 1);
      ledger.accounts.set(id, { id, versions: [], leftAtMs: undefined, isPoison: false });
      const created = await clerk.users.create(describePerson(id, user, isVerified), { silent: true });
      return record(id, created, "signed up");
    },
    /** Takes over a user that signed up before the run. */
    adopt: (user: number, version: ClerkUser): void => {
      generations.set(user, 1);
      const rest = { leftAtMs: undefined, isPoison: false, isUntouched: true };
      ledger.accounts.set(version.id, { id: version.id, versions: [version], ...rest });
    },
    change: async (user: number, change: Change): Promise<ClerkUser> => {
      const id = currentId(user);
      const changed = await clerk.users.update(id, toPatch(change), { silent: true });
      return record(id, changed, `changed ${change.set}`);
    },
    leave: async (user: number): Promise<void> => {
      const id = currentId(user);
      await clerk.users.delete(id, { silent: true });
      const account = ledger.accounts.get(id);
      if (account) account.leftAtMs = Date.now();
      ledger.note(id, "at Clerk: left");
    },
    signUpPoison: async (number: number): Promise<string> => {
      const id = `user_s${seed}poison${number}`;
      ledger.accounts.set(id, { id, versions: [], leftAtMs: undefined, isPoison: true });
      await clerk.users.create({ id, firstName: "Canaria", raw: { id: "unreadable" } }, { silent: true });
      ledger.note(id, "at Clerk: signed up, with an unreadable id");
      return id;
    },
  };
}

/** The id of a user's account: the first one has generation 0. */
export function nameAccount(seed: number, user: number, generation: number): string {
  return `user_s${seed}p${user}g${generation}`;
}

export function describePerson(id: string, user: number, isVerified: boolean): Patch {
  return {
    id,
    firstName: "Canaria",
    lastName: `Serinus ${user}`,
    emails: [{ address: addressOf(user), status: isVerified ? "verified" : "unverified" }],
    imageUrl: `https://img.example/canary/${user}.png`,
  };
}

/** The address with which a user signs up. */
export function addressOf(user: number): string {
  return `canary.p${user}@serinus.example`;
}

function toPatch(change: Change): Patch {
  switch (change.set) {
    case "name":
      return { firstName: `Canarinha${change.number}` };
    case "email":
      return { email: `canary.c${change.number}@serinus.example` };
    case "email-status":
      return { emails: [{ address: `canary.u${change.number}@serinus.example`, status: "unverified" }] };
    case "image":
      return { imageUrl: `https://img.example/canary/c${change.number}.png` };
    case "role":
      return { publicMetadata: { role: change.admin ? "admin" : "member" } };
    case "banned":
      return { banned: change.banned };
    default:
      return change satisfies never;
  }
}
