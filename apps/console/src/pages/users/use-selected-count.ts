import type { BulkAnswer } from "@rollcall/contracts";
import { useQuery } from "@tanstack/react-query";
import { post } from "../../api/request.ts";
import { toTarget, type UserSelection } from "./selection.ts";
import type { FilterValues } from "./user-filter.ts";

/**
 * The number of users that a bulk change of the selection would reach, as the server counts them: deleted users are left
 * out. The bar and the dialog show the same count.
 */
export function useSelectedCount(
  selection: UserSelection,
  filter: FilterValues,
  searchText: string,
  { enabled }: { enabled: boolean },
) {
  const target = toTarget(selection, filter, searchText);
  return useQuery({
    queryKey: ["bulk-preview", target],
    // The action makes no difference to the count.
    queryFn: () => post<BulkAnswer>("/users/bulk", { ...target, action: { refresh: true }, preview: true }),
    enabled,
    staleTime: 0,
    gcTime: 0,
  });
}
