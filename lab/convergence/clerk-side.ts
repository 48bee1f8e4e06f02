import type { ClerkSimulator } from "@rollcall/clerk-simulator";
import type { ClerkUser } from "@rollcall/sync/testing/oracle";
import type { Account, Ledger } from "./ledger.ts";
import type { ClerkChange, ClerkPatch, Step } from "./step.ts";

type ClerkStep = Extract<Step, { clerk: string }>;

export type ClerkSide = ReturnType<typeof createClerkSide>;

/** People and their accounts at Clerk: who left may sign up again, with a new id. */
export function createClerkSide(
  clerk: ClerkSimulator,
  { accounts }: Ledger,
  people: readonly ClerkPatch[],
  run: number,
) {
  const signUps = people.map(() => 0);
  const idOf = (who: number, generation: number) => `user_${run}p${who}g${Math.max(0, generation)}`;
  /** The account a person has, or had last, or will have: one may be asked for before Clerk shows it. */
  const currentId = (who: number) => idOf(who, (signUps[who] ?? 0) - 1);
  const formerId = (who: number) => idOf(who, (signUps[who] ?? 0) - 2);

  function living(who: number): Account | undefined {
    const account = accounts.get(currentId(who));
    return account?.isGone ? undefined : account;
  }

  async function signUp(who: number): Promise<void> {
    if (living(who)) return;
    const generation = signUps[who] ?? 0;
    signUps[who] = generation + 1;
    const id = idOf(who, generation);
    const user = await clerk.users.create({ ...people[who], id }, { silent: true });
    accounts.set(id, { id, who, versions: [user], isGone: false });
  }

  async function change(who: number, what: ClerkChange, keepUpdatedAt: boolean): Promise<void> {
    if (signUps[who] === 0) await signUp(who);
    const account = living(who);
    if (!account) return;
    const patch = toPatch(await clerk.users.get(account.id), what);
    account.versions.push(await clerk.users.update(account.id, patch, { silent: true, keepUpdatedAt }));
  }

  async function leave(who: number): Promise<void> {
    const account = living(who);
    if (!account) return;
    await clerk.users.delete(account.id, { silent: true });
    account.isGone = true;
  }

  async function take(step: ClerkStep): Promise<void> {
    switch (step.clerk) {
      case "change":
        return change(step.who, step.change, step.keepStamp);
      case "sign-up":
        return signUp(step.who);
      case "leave":
        return leave(step.who);
      default:
        return step satisfies never;
    }
  }

  const signUpAddress = (who: number) =>
    accounts.get(currentId(who))?.versions[0]?.email_addresses[0]?.email_address;

  return { take, currentId, formerId, signUpAddress };
}

function toPatch(user: ClerkUser, change: ClerkChange): ClerkPatch {
  if ("set" in change) return change.set;
  // Null when a raw patch took the list away.
  const entries = user.email_addresses ?? [];
  const known = entries.map(({ id, email_address: address, verification }) => ({
    id,
    address,
    status: verification?.status ?? ("unverified" as const),
  }));
  if ("secondary" in change) return { emails: [...known, change.secondary] };
  return {
    emails: known.map((entry, index) => (index === 0 ? { ...entry, status: change.primaryBecomes } : entry)),
  };
}
