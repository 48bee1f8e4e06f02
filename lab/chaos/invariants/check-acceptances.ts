import type { Acceptance, Ledger, Violation } from "../ledger.ts";
import type { Tables } from "./recorder.ts";

const invariant = "nothing accepted is lost";

/**
 * After every accepted sync job, a job run starts and finishes. That run reads the version that Clerk had at the
 * request, or a newer one. Check this before any reconcile, which would hide a loss: see `Plan.reconciles`.
 */
export function checkAcceptances(
  { accounts }: Ledger,
  accepted: readonly Acceptance[],
  tables: Tables,
): Violation[] {
  return accepted.flatMap((acceptance) => {
    const account = accounts.get(acceptance.clerkId);
    if (!account || account.isPoison) return [];
    const detail = check(acceptance, tables, account.leftAtMs !== undefined);
    return detail === undefined ? [] : [{ invariant, detail, clerkId: acceptance.clerkId }];
  });
}

function check({ clerkId, kind, via, version, wasGone }: Acceptance, tables: Tables, isGone: boolean) {
  const row = tables.users.get(clerkId);
  const accepted = `a ${kind} by ${via} was accepted`;
  if (row?.deleted_at != null) return undefined;
  // A deletion is no proof: as long as Clerk has the user, the row must live.
  if (kind === "delete" && !isGone) return undefined;
  if (kind === "delete") return `${accepted}, and there is ${row ? "a live row" : "no tombstone"}`;
  // A refresh of an absent user makes no row. The deletion of an existing row may be held until a person confirms it.
  if (isGone && (row === undefined || tables.held.has(clerkId) || wasGone)) return undefined;
  if (version === undefined) return undefined;
  if (row === undefined) return `${accepted}, and there is no row`;
  if (kind === "provision" || (row.clerk_updated_at ?? 0) >= version) return undefined;
  return `${accepted} when Clerk had version ${version}, and the row has version ${row.clerk_updated_at}`;
}
