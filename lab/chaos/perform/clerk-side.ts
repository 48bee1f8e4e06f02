import type { ClerkUser, RemoteClerkSimulator } from "@rollcall/clerk-simulator";
import type { Ledger } from "../ledger.ts";
import type { Change } from "../plan/plan.ts";

type Patch = NonNullable<Parameters<RemoteClerkSimulator["users"]["create"]>[0]>;

export type ClerkSide = ReturnType<typeof createClerkSide>;

/**
 * People and their accounts at Clerk: who left may sign up again, under a new id and the old address. All names
 * and addresses hold the words that may turn up nowhere else.
 */
export function createClerkSide(clerk: RemoteClerkSimulator, ledger: Ledger, seed: number) {
  const generations = new Map<number, number>();
  const idOf = (who: number, generation: number) => `user_s${seed}p${who}g${generation}`;
  /** The account a person has, or had last, or will have. */
  const currentId = (who: number) => idOf(who, Math.max(0, (generations.get(who) ?? 0) - 1));

  function note(id: string, version: ClerkUser, what: string): ClerkUser {
    ledger.accounts.get(id)?.versions.push(version);
    ledger.tell(id, `at Clerk: ${what}, updated_at ${version.updated_at}`);
    return version;
  }

  return {
    currentId,
    signUp: async (who: number): Promise<ClerkUser> => {
      const generation = generations.get(who) ?? 0;
      const id = idOf(who, generation);
      generations.set(who, generation + 1);
      ledger.accounts.set(id, { id, versions: [], leftAtMs: undefined, isPoison: false });
      const user = await clerk.users.create(
        {
          id,
          firstName: "Canaria",
          lastName: `Serinus ${who}`,
          email: `canary.p${who}@serinus.example`,
          imageUrl: `https://img.example/canary/${who}.png`,
        },
        { silent: true },
      );
      return note(id, user, "signed up");
    },
    change: async (who: number, change: Change): Promise<ClerkUser> => {
      const id = currentId(who);
      const user = await clerk.users.update(id, toPatch(change), { silent: true });
      return note(id, user, `changed ${change.set}`);
    },
    leave: async (who: number): Promise<void> => {
      const id = currentId(who);
      await clerk.users.delete(id, { silent: true });
      const account = ledger.accounts.get(id);
      if (account) account.leftAtMs = Date.now();
      ledger.tell(id, "at Clerk: left");
    },
    signUpPoison: async (number: number): Promise<string> => {
      const id = `user_s${seed}poison${number}`;
      ledger.accounts.set(id, { id, versions: [], leftAtMs: undefined, isPoison: true });
      await clerk.users.create({ id, firstName: "Canaria", raw: { banned: "perhaps" } }, { silent: true });
      ledger.tell(id, "at Clerk: signed up, in a form that nobody can read");
      return id;
    },
  };
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
