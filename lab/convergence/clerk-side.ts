import type { ClerkSimulator } from "@rollcall/clerk-simulator";
import type { ClerkUser } from "@rollcall/sync/testing/oracle";
import type { ClerkChange, ClerkPatch, Step } from "./history.ts";
import type { Account, Ledger } from "./ledger.ts";

type ClerkStep = Extract<Step, { clerk: string }>;

export type ClerkSide = ReturnType<typeof createClerkSide>;

/** People and their accounts at Clerk. A person that left may sign up again, with a new id. */
export function createClerkSide(
  clerk: ClerkSimulator,
  { accounts }: Ledger,
  people: readonly ClerkPatch[],
  run: number,
) {
  const signUps = people.map(() => 0);
  const idOf = (person: number, generation: number) => `user_${run}p${person}g${Math.max(0, generation)}`;
  /** The id of a person's present, last or first account: a job may name an account before Clerk shows it. */
  const currentId = (person: number) => idOf(person, (signUps[person] ?? 0) - 1);
  const formerId = (person: number) => idOf(person, (signUps[person] ?? 0) - 2);

  function liveAccount(person: number): Account | undefined {
    const account = accounts.get(currentId(person));
    return account?.isGone ? undefined : account;
  }

  async function signUp(person: number): Promise<void> {
    if (liveAccount(person)) return;
    const generation = signUps[person] ?? 0;
    signUps[person] = generation + 1;
    const id = idOf(person, generation);
    const user = await clerk.users.create({ ...people[person], id }, { silent: true });
    accounts.set(id, { id, person, versions: [user], isGone: false });
  }

  async function change(person: number, made: ClerkChange, keepUpdatedAt: boolean): Promise<void> {
    if (signUps[person] === 0) await signUp(person);
    const account = liveAccount(person);
    if (!account) return;
    const patch = toPatch(await clerk.users.get(account.id), made);
    account.versions.push(await clerk.users.update(account.id, patch, { silent: true, keepUpdatedAt }));
  }

  async function leave(person: number): Promise<void> {
    const account = liveAccount(person);
    if (!account) return;
    await clerk.users.delete(account.id, { silent: true });
    account.isGone = true;
  }

  async function perform(step: ClerkStep): Promise<void> {
    switch (step.clerk) {
      case "change":
        return change(step.person, step.change, step.keepStamp);
      case "sign-up":
        return signUp(step.person);
      case "leave":
        return leave(step.person);
      default:
        return step satisfies never;
    }
  }

  const signUpAddress = (person: number) =>
    accounts.get(currentId(person))?.versions[0]?.email_addresses[0]?.email_address;

  return { perform, currentId, formerId, signUpAddress };
}

function toPatch(user: ClerkUser, change: ClerkChange): ClerkPatch {
  if ("set" in change) return change.set;
  // Null after a raw patch removed the list.
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
