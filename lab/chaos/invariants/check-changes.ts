import type { Tables as TableNames } from "@rollcall/db";
import type { Ledger, Violation } from "../ledger.ts";
import { expectedRow, findDifferences } from "./expected-row.ts";
import type { Change, UserRow } from "./recorder.ts";

type ChangeOf<Table> = Extract<Change, { table_name: Table }>;

/** Checks each write by itself, even if a later write repaired it. */
export function checkChanges(ledger: Ledger, names: TableNames, changes: readonly Change[]): Violation[] {
  return changes.flatMap((change) =>
    change.table_name === "users" ? checkUserChange(ledger, names, change) : checkProfileChange(change),
  );
}

function checkUserChange(
  ledger: Ledger,
  names: TableNames,
  { before, after }: ChangeOf<"users">,
): Violation[] {
  if (after === null)
    return [{ invariant: "no row is ever deleted", detail: "was deleted", clerkId: before?.clerk_id }];
  const account = ledger.accounts.get(after.clerk_id);
  const broken: [string, boolean, string][] = [
    ["no row for a user that Clerk never had", account === undefined, "got a row"],
    [
      "order marks never go back",
      before !== null && compareMarks(before, after) > 0,
      `went from ${before?.clerk_updated_at}, read ${before?.read_ticket}, to ${after.clerk_updated_at}, read ${after.read_ticket}`,
    ],
    [
      "deleted stays deleted",
      before?.deleted_at != null && JSON.stringify(before) !== JSON.stringify(after),
      "was changed after its deletion",
    ],
    [
      "no living user is deleted",
      after.deleted_at !== null && account?.leftAtMs === undefined,
      "was deleted",
    ],
    [
      "a tombstone holds no personal data",
      after.deleted_at !== null && (after.email ?? after.name ?? after.image_url) !== null,
      "kept email, name or image",
    ],
    ["the tier is never written", after.tier !== (before?.tier ?? "FREE"), `became ${after.tier}`],
    [
      "every written row equals a version at Clerk",
      after.deleted_at === null &&
        account !== undefined &&
        !account.versions.some((version) => findDifferences(after, expectedRow(version, names)).length === 0),
      "equals no version at Clerk",
    ],
  ];
  return broken.flatMap(([invariant, isBroken, detail]) =>
    isBroken ? [{ invariant, detail, clerkId: after.clerk_id }] : [],
  );
}

/** Whether a user got a profile that had no user. */
export function isLink({ table_name: table, before, after }: Change): boolean {
  return table === "profiles" && before?.user_id === null && after?.user_id !== null;
}

function checkProfileChange(change: ChangeOf<"profiles">): Violation[] {
  const { writer, before, after, owner } = change;
  const clerkId = owner?.clerk_id;
  const invariant = "one profile each, and none beyond the rules";
  if (after === null) return [{ invariant, detail: "a profile was deleted", clerkId }];
  const isNew = before === null;
  const isLinked = isLink(change);
  const broken: [boolean, string][] = [
    // An app that invites people makes profiles without users.
    [isNew && owner === null && writer !== "chaos", "a profile was made for no user"],
    [isNew && owner?.banned === true, "a profile was made for a banned user"],
    [isNew && owner?.role === "admin", "a profile was made for an admin"],
    [isNew && owner?.deleted_at != null, "a profile was made for a deleted user"],
    [
      before?.user_id != null && after.user_id === null && owner?.deleted_at === null,
      "a live user lost its profile",
    ],
    [
      before?.user_id != null && after.user_id !== null && before.user_id !== after.user_id,
      "a profile went to another user",
    ],
    [isLinked && before?.linked_at !== null, "a user got the profile of a former user"],
  ];
  const violations = broken.flatMap(([isBroken, detail]) =>
    isBroken ? [{ invariant, detail, clerkId }] : [],
  );
  const isByVerifiedEmail = owner?.email_verified === true && owner.email === after.email;
  if (isLinked && !isByVerifiedEmail) {
    const linking = "a profile is linked by a verified email alone";
    violations.push({ invariant: linking, detail: "got a profile of another email", clerkId });
  }
  return violations;
}

function compareMarks(a: UserRow, b: UserRow): number {
  const byStamp = (a.clerk_updated_at ?? 0) - (b.clerk_updated_at ?? 0);
  return byStamp || (a.read_ticket ?? 0) - (b.read_ticket ?? 0);
}
