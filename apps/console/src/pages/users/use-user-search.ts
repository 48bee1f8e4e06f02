import { type HistoryState, useNavigate, useRouterState, useSearch } from "@tanstack/react-router";
import { useSession } from "../../api/session.tsx";
import { type FilterValues, readFilter } from "./user-filter.ts";

declare module "@tanstack/react-router" {
  interface HistoryState {
    /** The search text of the list of users, with the operator that typed it: another one must not see it. */
    userSearch?: { text: string; by: string };
  }
}

export type ChangeSearch = (change: {
  filter?: (before: FilterValues) => FilterValues;
  searchText?: string;
}) => void;

/**
 * What the list of users shows. Filters stand in the page's address. The search text stands in the state of the history
 * entry, which no server and no log sees, so that Back and Reload keep it.
 */
export function useUserSearch() {
  const filter: FilterValues = useSearch({ from: "/users" });
  const { session } = useSession();
  const by = session?.name ?? "";
  const readText = ({ userSearch }: HistoryState) => (userSearch?.by === by ? userSearch.text : "");
  const searchText = useRouterState({ select: ({ location }) => readText(location.state) });
  const navigate = useNavigate({ from: "/users" });
  // A second change may come before the page shows the first one. It starts from the address, which has the first one.
  const change: ChangeSearch = ({ filter: next = (before) => before, searchText: text }) =>
    void navigate({
      search: (before) => next(readFilter(before)),
      state: (before) => ({ userSearch: { text: text ?? readText(before), by } }),
      replace: true,
    });
  return { filter, searchText, change };
}
