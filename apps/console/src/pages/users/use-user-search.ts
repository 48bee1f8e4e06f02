import { useNavigate, useRouterState, useSearch } from "@tanstack/react-router";
import { useSession } from "../../api/session.tsx";
import type { FilterValues } from "./user-filter.ts";

declare module "@tanstack/react-router" {
  interface HistoryState {
    /** The search text of the list of users, with the operator that typed it: another one must not see it. */
    userSearch?: { text: string; by: string };
  }
}

/**
 * What the list of users shows. Filters stand in the page's address. The search text stands in the state of the history
 * entry, which no server and no log sees, so that Back and Reload keep it.
 */
export function useUserSearch() {
  const filter: FilterValues = useSearch({ from: "/users" });
  const { session } = useSession();
  const by = session?.name ?? "";
  const searchText = useRouterState({
    select: ({ location: { state } }) => (state.userSearch?.by === by ? state.userSearch.text : ""),
  });
  const navigate = useNavigate({ from: "/users" });
  const change = (next: { filter?: FilterValues; searchText?: string }) =>
    void navigate({
      search: next.filter ?? filter,
      state: { userSearch: { text: next.searchText ?? searchText, by } },
      replace: true,
    });
  return { filter, searchText, change };
}
