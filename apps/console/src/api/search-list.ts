import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { List } from "./queries.ts";
import { get } from "./request.ts";

const pageSize = 50;

/**
 * The users or organizations that match. The server looks at a bounded number of rows for each page, so a page may be short
 * or empty and have a next one: the search goes on until enough are found, or the operator stops it.
 *
 * The list is what was found at one time. The operator selects in it, so it is not read again while rows change: then
 * `isOld` says so. A list of one page without a selection is read again by itself.
 */
export function useSearchList<Item>(
  topic: "users" | "organizations",
  query: Readonly<Record<string, string>>,
  hasSelection = false,
) {
  const [wanted, setWanted] = useState(pageSize);
  const list = useInfiniteQuery({
    queryKey: [`${topic}-list`, query],
    queryFn: ({ pageParam, signal }) =>
      get<List<Item>>(`/${topic}`, { query: { ...query, cursor: pageParam ?? undefined }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
    placeholderData: keepPreviousData,
  });
  const { hasNextPage, isFetching, isError, fetchNextPage, refetch, dataUpdatedAt, isPlaceholderData } = list;
  const pages = list.data?.pages ?? [];
  const items = pages.flatMap((page) => page.items);
  const shown = items.length;
  const isSearching = hasNextPage && !isError && shown < wanted;
  useEffect(() => {
    if (isSearching && !isFetching) void fetchNextPage();
  }, [isSearching, isFetching, fetchNextPage]);

  const { dataUpdatedAt: changedAt } = useQuery({
    queryKey: [topic, "changed"],
    queryFn: () => Date.now(),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const isOld = dataUpdatedAt > 0 && changedAt > dataUpdatedAt && !isFetching;
  const readsItself = isOld && pages.length === 1 && !hasSelection;
  useEffect(() => {
    if (readsItself) void refetch();
  }, [readsItself, refetch]);

  return {
    ...list,
    items,
    isSearching,
    isOld: isOld && !readsItself,
    /** The rows are those of the filter before. */
    isStale: isPlaceholderData,
    showMore: () => setWanted(shown + pageSize),
    stop: () => setWanted(0),
  };
}
