import { type HistoryState, useRouterState } from "@tanstack/react-router";
import { useSession } from "../api/session.tsx";

declare module "@tanstack/react-router" {
  interface HistoryState {
    /** The search text of a list, with the operator that typed it: another one must not see it. */
    listSearch?: { text: string; by: string };
  }
}

/**
 * The search text of a list. It stands in the state of the history entry, which no server and no log sees, so that Back and
 * Reload keep it.
 */
export function useSearchText() {
  const { session } = useSession();
  const by = session?.name ?? "";
  const read = ({ listSearch }: HistoryState) => (listSearch?.by === by ? listSearch.text : "");
  const searchText = useRouterState({ select: ({ location }) => read(location.state) });
  return {
    searchText,
    /** The state of an entry with another text, or with the one before. */
    withText: (text: string | undefined) => (before: HistoryState) => ({
      listSearch: { text: text ?? read(before), by },
    }),
  };
}
