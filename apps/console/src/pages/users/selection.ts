import type { BulkRequest } from "@rollcall/contracts";
import { type FilterValues, toBulkFilter } from "./user-filter.ts";

/** Some users of the list, or all that match, also those that the page has not loaded. */
export type UserSelection = { kind: "some"; clerkIds: ReadonlySet<string> } | { kind: "all" };

export const nothingSelected: UserSelection = { kind: "some", clerkIds: new Set() };

/** The keys of the rows that the list shows as selected. */
export function readSelectedKeys(
  selection: UserSelection,
  shown: readonly { clerkId: string; deletedAt: string | null }[],
): ReadonlySet<string> {
  return selection.kind === "some"
    ? selection.clerkIds
    : new Set(shown.flatMap(({ clerkId, deletedAt }) => (deletedAt === null ? [clerkId] : [])));
}

/** The users of a bulk change, as the api takes them. */
export function toTarget(
  selection: UserSelection,
  filter: FilterValues,
  searchText: string,
): Pick<BulkRequest, "filter" | "clerkIds"> {
  return selection.kind === "all"
    ? { filter: toBulkFilter(filter, searchText) }
    : { clerkIds: [...selection.clerkIds] };
}
