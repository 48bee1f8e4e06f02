import { comparable, expectedRole, expectedRow, expectedTurma } from "@rollcall/sync/testing/oracle";
import { type Ledger, waitingProfiles } from "./ledger.ts";
import {
  type Change,
  isProfileChange,
  type ProfileChange,
  type ProfileRow,
  type UserChange,
  type UserRow,
} from "./recorder.ts";

/** What held when the step began, and who changed since. */
export type StepStart = { waiting: readonly ProfileRow[]; users: ReadonlyMap<number, UserRow> };

/** The invariants that one write broke, in words. Writes of the app are its own affair. */
export function judge(ledger: Ledger, start: StepStart, change: Change): string[] {
  if (change.writer === "app") return [];
  if (!isProfileChange(change)) return checkUser(ledger, change);
  const { before, after } = change;
  if (before === null) return checkFreshProfile(ledger, change);
  return [
    ...checkEdits(before, after),
    ...(before.user_id === after.user_id ? [] : checkMove(ledger, start, change, before)),
  ];
}

function checkUser({ accounts, decidedRoles }: Ledger, { before, after }: UserChange): string[] {
  const account = accounts.get(after.clerk_id);
  const broken = brokenOf({
    "the tier was written": after.tier !== (before?.tier ?? "FREE"),
    "the order marks went back": before !== null && compareMarks(before, after) > 0,
    "a tombstone changed": before?.deleted_at != null && before.deleted_at !== after.deleted_at,
    "a living user was deleted": after.deleted_at !== null && account?.isGone !== true,
    "a tombstone holds something of the person":
      after.deleted_at !== null &&
      (after.email ?? after.name ?? after.image_url ?? (after.email_verified || null)) !== null,
    "a role that the app decided was changed":
      before !== null && decidedRoles.has(before.id) && after.role !== decidedRoles.get(before.id),
  });
  if (after.deleted_at === null) {
    const versions = account?.versions ?? [];
    const isTrue = versions.some((version) => {
      const role = decidedRoles.get(after.id) ?? expectedRole(version);
      return after.role === role && differences(after, expectedRow(version)).length === 0;
    });
    if (!isTrue) broken.push("the row is no version that Clerk ever had");
  }
  return broken.map((invariant) => `${after.clerk_id}: ${invariant}`);
}

function checkFreshProfile({ accounts }: Ledger, { after, owner }: ProfileChange): string[] {
  if (owner === null) return [`profile ${after.id}: was made for nobody`];
  const versions = accounts.get(owner.clerk_id)?.versions ?? [];
  return brokenOf({
    "a profile was made for a deleted user": owner.deleted_at !== null,
    "a profile was made for a banned user": owner.banned,
    "a profile was made for an admin": owner.role === "admin",
    "a fresh profile has another name than its user":
      after.nome_completo !== (owner.name ?? "New User") || after.email !== owner.email,
    "a fresh profile has a class that nobody named": !versions.some(
      (version) => expectedTurma(version) === after.turma,
    ),
  }).map((invariant) => `${owner.clerk_id}: ${invariant}`);
}

function checkEdits(before: ProfileRow, after: ProfileRow): string[] {
  // Only these three are ours to change, and `ativo` only when the user goes.
  const { user_id: _user, linked_at: _linked, ativo, ...rest } = before;
  const changed = differences(after, rest);
  const isUnlinked = before.user_id !== null && after.user_id === null;
  if (after.ativo !== (isUnlinked ? "nao" : ativo)) changed.push("ativo");
  return changed.map((column) => `profile ${after.id}: ${column} was overwritten`);
}

/** A profile got or lost its user. */
function checkMove(
  ledger: Ledger,
  start: StepStart,
  { after, owner }: ProfileChange,
  before: ProfileRow,
): string[] {
  if (owner === null) return [`profile ${after.id}: its user has no row`];
  const email = comparable(after.email);
  const broken =
    after.user_id === null
      ? brokenOf({ "was taken from a living user": owner.deleted_at === null })
      : brokenOf({
          "went from one user to another": before.user_id !== null,
          "had a user before": before.user_id === null && ledger.everOwned.has(after.id),
          "was linked by an unverified email": !owner.email_verified,
          "was linked by another email": email === "" || comparable(owner.email) !== email,
          "went to a deleted user": owner.deleted_at !== null,
          "went to a banned user": owner.banned,
          "went to an admin": owner.role === "admin",
          "was linked though several waited": start.waiting.some(
            (other) => other.id !== after.id && comparable(other.email) === email,
          ),
          "was linked though several claimed it": [...start.users.values()].some(
            (rival) => rival.id !== owner.id && claims(rival, email) && ledger.users.get(rival.id) === rival,
          ),
        });
  return broken.map((invariant) => `profile ${after.id}: ${invariant}`);
}

function claims(user: UserRow, email: string): boolean {
  return user.deleted_at === null && user.email_verified && comparable(user.email) === email;
}

/**
 * Users who got a fresh profile although one that the app had made for somebody bears their email. Each must
 * have a conflict: which of two gets a profile may depend on the order, but nobody may lose it silently.
 */
export function findLosers(ledger: Ledger, start: StepStart, changes: readonly Change[]): number[] {
  const waited = [...start.waiting, ...[...ledger.profiles.values()].filter(({ id }) => isOld(ledger, id))];
  return changes.filter(isProfileChange).flatMap(({ writer, before, after, owner }) => {
    if (writer === "app" || before !== null || owner === null) return [];
    const email = comparable(owner.email);
    if (email === "") return [];
    const matches = waited.filter(
      (profile) => profile.id !== after.id && comparable(profile.email) === email,
    );
    const stillFree = waitingProfiles(ledger).map(({ id }) => id);
    const heard = matches.some(({ id }) => owner.email_verified || stillFree.includes(id));
    return heard ? [owner.id] : [];
  });
}

function isOld({ everWaited, everOwned }: Ledger, id: number): boolean {
  return everWaited.has(id) && everOwned.has(id);
}

export function differences(row: Record<string, unknown>, expected: Record<string, unknown>): string[] {
  return Object.keys(expected).filter((column) => row[column] !== expected[column]);
}

function compareMarks(a: UserRow, b: UserRow): number {
  const byStamp = (a.clerk_updated_at ?? 0) - (b.clerk_updated_at ?? 0);
  return byStamp || (a.read_ticket ?? 0) - (b.read_ticket ?? 0);
}

function brokenOf(invariants: Record<string, boolean>): string[] {
  return Object.keys(invariants).filter((invariant) => invariants[invariant]);
}
