import { comparable, expectedRole, expectedRow, expectedTurma } from "@rollcall/sync/testing/oracle";
import { type Account, type Ledger, unclaimedProfiles } from "./ledger.ts";
import {
  type Change,
  isProfileChange,
  type ProfileChange,
  type ProfileRow,
  type UserChange,
  type UserRow,
} from "./recorder.ts";

/** The state at the start of a step. */
export type StepStart = { unclaimed: readonly ProfileRow[]; users: ReadonlyMap<number, UserRow> };

/** The invariants that one write broke, as sentences. Writes of the app are not checked. */
export function checkChange(ledger: Ledger, start: StepStart, change: Change): string[] {
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
    "a tombstone holds personal data":
      after.deleted_at !== null &&
      (after.email ?? after.name ?? after.image_url ?? (after.email_verified || null)) !== null,
    "a role that the app set was changed":
      before !== null && decidedRoles.has(before.id) && after.role !== decidedRoles.get(before.id),
  });
  if (after.deleted_at === null) {
    const versions = account?.versions ?? [];
    const isVersion = versions.some((version) => {
      const role = decidedRoles.get(after.id) ?? expectedRole(version);
      return after.role === role && differences(after, expectedRow(version)).length === 0;
    });
    if (!isVersion) broken.push("the row is no version that Clerk ever had");
  }
  return broken.map((invariant) => `${after.clerk_id}: ${invariant}`);
}

function checkFreshProfile({ accounts }: Ledger, { after, owner }: ProfileChange): string[] {
  if (owner === null) return [`profile ${after.id}: was made without a user`];
  const versions = accounts.get(owner.clerk_id)?.versions ?? [];
  return brokenOf({
    "a profile was made for a deleted user": owner.deleted_at !== null,
    "a profile was made for a banned user": owner.banned,
    "a profile was made for an admin": owner.role === "admin",
    "a fresh profile has another name than its user":
      after.nome_completo !== (owner.name ?? "New User") || after.email !== owner.email,
    "a fresh profile has a class that no version names": !versions.some(
      (version) => expectedTurma(version) === after.turma,
    ),
  }).map((invariant) => `${owner.clerk_id}: ${invariant}`);
}

function checkEdits(before: ProfileRow, after: ProfileRow): string[] {
  // Rollcall changes only these three columns, and `ativo` only when the user is deleted.
  const { user_id: _user, linked_at: _linked, ativo, ...rest } = before;
  const changed = differences(after, rest);
  const isUnlinked = before.user_id !== null && after.user_id === null;
  if (after.ativo !== (isUnlinked ? "nao" : ativo)) changed.push("ativo");
  return changed.map((column) => `profile ${after.id}: ${column} was overwritten`);
}

/** Checks a profile that got or lost its user. */
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
          "moved from one user to another": before.user_id !== null,
          "had a user before": before.user_id === null && ledger.everOwned.has(after.id),
          "was linked by an unverified email": !owner.email_verified,
          "was linked by another email": email === "" || comparable(owner.email) !== email,
          "was linked to a deleted user": owner.deleted_at !== null,
          "was linked to a banned user": owner.banned,
          "was linked to an admin": owner.role === "admin",
          "was linked although several were unclaimed": start.unclaimed.some(
            (other) => other.id !== after.id && comparable(other.email) === email,
          ),
          "was linked although there were several claimants": [...start.users.values()].some(
            (rival) => rival.id !== owner.id && claims(rival, email) && ledger.users.get(rival.id) === rival,
          ),
        });
  return broken.map((invariant) => `profile ${after.id}: ${invariant}`);
}

function claims(user: UserRow, email: string): boolean {
  return user.deleted_at === null && user.email_verified && comparable(user.email) === email;
}

/**
 * Users that got a fresh profile although the app had made one with their email. Each needs a conflict: the order may
 * decide which of two users gets a profile, but the other user must not lose it silently.
 */
export function findLosers(ledger: Ledger, start: StepStart, changes: readonly Change[]): number[] {
  const everUnclaimed = [
    ...start.unclaimed,
    ...[...ledger.profiles.values()].filter(({ id }) => wasClaimed(ledger, id)),
  ];
  return changes.filter(isProfileChange).flatMap(({ writer, before, after, owner }) => {
    if (writer === "app" || before !== null || owner === null) return [];
    const email = comparable(owner.email);
    if (email === "") return [];
    const matches = everUnclaimed.filter(
      (profile) => profile.id !== after.id && comparable(profile.email) === email,
    );
    const stillFree = unclaimedProfiles(ledger).map(({ id }) => id);
    const needsConflict = matches.some(({ id }) => owner.email_verified || stillFree.includes(id));
    return needsConflict ? [owner.id] : [];
  });
}

function wasClaimed({ everUnclaimed, everOwned }: Ledger, id: number): boolean {
  return everUnclaimed.has(id) && everOwned.has(id);
}

function differences(row: Record<string, unknown>, expected: Record<string, unknown>): string[] {
  return Object.keys(expected).filter((column) => row[column] !== expected[column]);
}

function compareMarks(a: UserRow, b: UserRow): number {
  const byStamp = (a.clerk_updated_at ?? 0) - (b.clerk_updated_at ?? 0);
  return byStamp || (a.read_ticket ?? 0) - (b.read_ticket ?? 0);
}

function brokenOf(invariants: Record<string, boolean>): string[] {
  return Object.keys(invariants).filter((invariant) => invariants[invariant]);
}

/** The invariants of the end, after one run for each user behind the last change. @returns the broken ones */
export function checkEnd(ledger: Ledger): string[] {
  const rows = [...ledger.users.values()];
  const rowOf = new Map(rows.map((row) => [row.clerk_id, row]));
  const unknown = rows.filter((row) => !ledger.accounts.has(row.clerk_id));
  return [
    ...unknown.map((row) => `${row.clerk_id}: the row has no account at Clerk`),
    ...[...ledger.accounts.values()].flatMap((account) => {
      const row = rowOf.get(account.id);
      const broken = row ? checkAccount(ledger, account, row) : ["has no row"];
      return broken.map((invariant) => `${account.id}: ${invariant}`);
    }),
  ];
}

function checkAccount(ledger: Ledger, { versions, isGone }: Account, row: UserRow): string[] {
  const profiles = [...ledger.profiles.values()].filter((profile) => profile.user_id === row.id).length;
  if (isGone) {
    return [
      ...(row.deleted_at === null ? ["is absent at Clerk and has a live row"] : []),
      ...(profiles > 0 ? ["is deleted and has a profile"] : []),
    ];
  }
  const clerk = versions.at(-1);
  if (!clerk) return ["has no version"];
  const role = ledger.decidedRoles.get(row.id) ?? expectedRole(clerk);
  const unequal = differences(row, { ...expectedRow(clerk), role, deleted_at: null });
  const needsProfile = !row.banned && row.role !== "admin";
  return [
    ...unequal.map((column) => `${column} differs from Clerk`),
    ...(profiles > 1 || (needsProfile && profiles === 0) ? [`has ${profiles} profiles`] : []),
  ];
}
