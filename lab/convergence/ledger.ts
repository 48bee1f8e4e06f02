import type { ClerkUser } from "@rollcall/sync/testing/oracle";
import { type Change, isProfileChange, type ProfileRow, type UserRow } from "./recorder.ts";

/** An account at Clerk with every version it ever had there. */
export type Account = { id: string; who: number; versions: ClerkUser[]; isGone: boolean };

/** What is true so far, from Clerk's side and, change by change, from the database's. */
export type Ledger = {
  accounts: Map<string, Account>;
  users: Map<number, UserRow>;
  profiles: Map<number, ProfileRow>;
  /** Profiles that have or had a user. */
  everOwned: Set<number>;
  /** Profiles that the app made for somebody who had not come yet. */
  everWaited: Set<number>;
  /** Roles that the app decided, by the user's row id. */
  decidedRoles: Map<number, string>;
};

export function createLedger(): Ledger {
  return {
    accounts: new Map(),
    users: new Map(),
    profiles: new Map(),
    everOwned: new Set(),
    everWaited: new Set(),
    decidedRoles: new Map(),
  };
}

/** Profiles that nobody ever had. */
export function waitingProfiles({ profiles, everOwned }: Ledger): ProfileRow[] {
  return [...profiles.values()].filter((profile) => !everOwned.has(profile.id));
}

/** Takes a change over, after it was judged. */
export function enter(ledger: Ledger, change: Change): void {
  if (isProfileChange(change)) {
    const { after } = change;
    ledger.profiles.set(after.id, after);
    if (after.user_id !== null) ledger.everOwned.add(after.id);
    else if (change.before === null) ledger.everWaited.add(after.id);
    return;
  }
  ledger.users.set(change.after.id, change.after);
  if (change.writer === "app") noteRole(ledger, change.after);
}

/**
 * A role that differs from what Clerk said last was decided by the app and stays. One that says the same again
 * is no decision: the row could not tell, and follows Clerk.
 */
function noteRole({ decidedRoles }: Ledger, row: UserRow): void {
  const clerksWord = row.role_source === "clerk" ? "admin" : "user";
  if (row.role === clerksWord) decidedRoles.delete(row.id);
  else decidedRoles.set(row.id, row.role);
}
