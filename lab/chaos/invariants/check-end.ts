import type { ClerkUser } from "@rollcall/clerk-simulator";
import type { Tables as TableNames } from "@rollcall/db";
import type { Account, Ledger, Violation } from "../ledger.ts";
import type { Stage } from "../stage/stage.ts";
import { expectedRow, findDifferences } from "./expected-row.ts";
import type { Tables } from "./recorder.ts";

/** Compares all rows with the users at Clerk, after everything was reconciled. */
export async function checkEnd(
  ledger: Ledger,
  tables: Tables,
  { clerk, app }: Pick<Stage, "clerk" | "app">,
): Promise<Violation[]> {
  const profilesOf = countBy(tables.profiles.map(({ user_id }) => user_id));
  const violations: Violation[] = [...tables.users.keys()]
    .filter((id) => !ledger.accounts.has(id))
    .map((clerkId) => ({
      invariant: "no row for a user that Clerk never had",
      detail: "has a row",
      clerkId,
    }));
  for (const account of ledger.accounts.values()) {
    const row = tables.users.get(account.id);
    const profiles = row ? (profilesOf.get(row.id) ?? 0) : 0;
    const user = await clerk.users.find(account.id);
    violations.push(
      ...checkAccount(account, user, row, profiles, app.names).map((one) => ({
        ...one,
        clerkId: account.id,
      })),
    );
  }
  return violations;
}

type Row = Tables["users"] extends ReadonlyMap<string, infer R> ? R : never;

function checkAccount(
  account: Account,
  user: ClerkUser | null,
  row: Row | undefined,
  profiles: number,
  names: TableNames,
): Violation[] {
  const equal = "rows equal Clerk field by field";
  if (account.isPoison) return row ? [{ invariant: equal, detail: "cannot be read and has a row" }] : [];
  // A user that came and left before the full sync may be unknown, if its webhooks were lost.
  if (!row) return user === null ? [] : [{ invariant: equal, detail: "has no row" }];
  if (user === null) {
    return [
      ...(row.deleted_at === null
        ? [{ invariant: "deleted stays deleted", detail: "left Clerk and has a live row" }]
        : []),
      ...(profiles > 0 ? [{ invariant: "one profile each", detail: "is deleted and has a profile" }] : []),
    ];
  }
  const expected = { ...expectedRow(user, names), deleted_at: null };
  const isDue = names.profile !== undefined && !user.banned && expected.role !== "admin";
  return [
    ...findDifferences(row, expected).map((column) => ({
      invariant: equal,
      detail: `${column} differs: version ${row.clerk_updated_at} here, ${user.updated_at} at Clerk`,
    })),
    ...(profiles > 1 || (isDue && profiles === 0)
      ? [{ invariant: "one profile each", detail: `has ${profiles} profiles` }]
      : []),
  ];
}

function countBy<Key>(keys: readonly Key[]): ReadonlyMap<Key, number> {
  const counts = new Map<Key, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}
