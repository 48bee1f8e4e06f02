import type { ClerkUser } from "@rollcall/sync/testing/oracle";
import { type Change, isProfileChange, type ProfileRow, type UserRow } from "./recorder.ts";

/** An account at Clerk with every version it ever had there. */
export type Account = { id: string; person: number; versions: ClerkUser[]; isGone: boolean };

/** The present state: the accounts at Clerk, and the rows as their recorded changes made them. */
export type Ledger = {
  accounts: Map<string, Account>;
  users: Map<number, UserRow>;
  profiles: Map<number, ProfileRow>;
  /** Profiles that have or had a user. */
  everOwned: Set<number>;
  /** Profiles that the app made without a user. */
  everUnclaimed: Set<number>;
  /** Roles that the app set, by the user's row id. */
  decidedRoles: Map<number, string>;
};

export function createLedger(): Ledger {
  return {
    accounts: new Map(),
    users: new Map(),
    profiles: new Map(),
    everOwned: new Set(),
    everUnclaimed: new Set(),
    decidedRoles: new Map(),
  };
}

/** Profiles that never had a user. */
export function unclaimedProfiles({ profiles, everOwned }: Ledger): ProfileRow[] {
  return [...profiles.values()].filter((profile) => !everOwned.has(profile.id));
}

/** Applies a change after it was checked. */
export function applyChange(ledger: Ledger, change: Change): void {
  if (isProfileChange(change)) {
    const { after } = change;
    ledger.profiles.set(after.id, after);
    if (after.user_id !== null) ledger.everOwned.add(after.id);
    else if (change.before === null) ledger.everUnclaimed.add(after.id);
    return;
  }
  ledger.users.set(change.after.id, change.after);
  if (change.writer === "app") recordRole(ledger, change.after);
}

/**
 * A role that differs from Clerk's last version was set by the app and stays. If the app sets the same role as Clerk, the
 * row shows no difference and follows Clerk.
 */
function recordRole({ decidedRoles }: Ledger, row: UserRow): void {
  const clerksRole = row.role_source === "clerk" ? "admin" : "user";
  if (row.role === clerksRole) decidedRoles.delete(row.id);
  else decidedRoles.set(row.id, row.role);
}
