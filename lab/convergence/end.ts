import { expectedRole, expectedRow } from "@rollcall/sync/testing/oracle";
import { differences } from "./invariants.ts";
import type { Account, Ledger } from "./ledger.ts";
import type { UserRow } from "./recorder.ts";

/** What must be true once each user was looked at after the last change. */
export function checkEnd(ledger: Ledger): string[] {
  const rows = [...ledger.users.values()];
  const rowOf = new Map(rows.map((row) => [row.clerk_id, row]));
  const strangers = rows.filter((row) => !ledger.accounts.has(row.clerk_id));
  return [
    ...strangers.map((row) => `${row.clerk_id}: a row of nobody`),
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
      ...(row.deleted_at === null ? ["is gone from Clerk and lives here"] : []),
      ...(profiles > 0 ? ["is deleted and has a profile"] : []),
    ];
  }
  const clerk = versions.at(-1);
  if (!clerk) return ["has no version"];
  const role = ledger.decidedRoles.get(row.id) ?? expectedRole(clerk);
  const unequal = differences(row, { ...expectedRow(clerk), role, deleted_at: null });
  const isDue = !row.banned && row.role !== "admin";
  return [
    ...unequal.map((column) => `${column} differs from Clerk`),
    ...(profiles > 1 || (isDue && profiles === 0) ? [`has ${profiles} profiles`] : []),
  ];
}
