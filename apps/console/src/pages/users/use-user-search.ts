import { useNavigate, useSearch } from "@tanstack/react-router";
import { useSearchText } from "../../layout/search-text.ts";
import { type FilterValues, readFilter } from "./user-filter.ts";

export type ChangeSearch = (change: {
  filter?: (before: FilterValues) => FilterValues;
  searchText?: string;
}) => void;

/** What the list of users shows. Filters stand in the page's address. */
export function useUserSearch() {
  const filter: FilterValues = useSearch({ from: "/users" });
  const { searchText, withText } = useSearchText();
  const navigate = useNavigate({ from: "/users" });
  // A second change may come before the page shows the first one. It starts from the address, which has the first one.
  const change: ChangeSearch = ({ filter: next = (before) => before, searchText: text }) =>
    void navigate({ search: (before) => next(readFilter(before)), state: withText(text), replace: true });
  return { filter, searchText, change };
}
