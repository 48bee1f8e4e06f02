import type { Acceptance, Ledger, Violation } from "../ledger.ts";
import type { Tables } from "./read-tables.ts";

const invariant = "nothing accepted is lost";

/**
 * For every sync job that was accepted some run starts after it and finishes, and such a run reads what Clerk had
 * when we asked, or something newer. To be judged before all is reconciled, which hides a loss: see `Plan`.
 */
export function checkAcceptances(
  { accounts }: Ledger,
  accepted: readonly Acceptance[],
  tables: Tables,
): Violation[] {
  return accepted.flatMap((acceptance) => {
    const account = accounts.get(acceptance.clerkId);
    if (!account || account.isPoison) return [];
    const what = judge(acceptance, tables, account.leftAtMs !== undefined);
    return what === undefined ? [] : [{ invariant, what, clerkId: acceptance.clerkId }];
  });
}

function judge({ clerkId, kind, via, version, wasGone }: Acceptance, tables: Tables, isGone: boolean) {
  const row = tables.users.get(clerkId);
  const accepted = `a ${kind} by ${via} was accepted`;
  if (row?.deleted_at != null) return undefined;
  if (kind === "delete") return `${accepted}, and there is ${row ? "a living row" : "no tombstone"}`;
  // A look that finds nobody leaves no row, and where there was one it may be held back until a person decides.
  if (isGone && (row === undefined || tables.held.has(clerkId) || wasGone)) return undefined;
  if (version === undefined) return undefined;
  if (row === undefined) return `${accepted}, and there is no row`;
  if (kind === "provision" || (row.clerk_updated_at ?? 0) >= version) return undefined;
  return `${accepted} when Clerk had version ${version}, and the row has version ${row.clerk_updated_at}`;
}
