import type { LiveTopic } from "@rollcall/contracts";
import { type Query as CachedQuery, QueryClient, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { ApiProblem, get, type Query } from "./request.ts";

const longestWaitMs = 15_000;

/**
 * The cache of all answers. A query's key begins with its topic, so that a `changed` event of the live stream reads
 * exactly these again. No query has an interval.
 */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        // The browser's word for being offline is a guess: an api on this machine answers all the same.
        networkMode: "always",
        // An api that is away comes back: go on asking, slower and slower, and keep the last answer on the page.
        retry: (_times, error) => error instanceof ApiProblem && error.mayPass,
        retryDelay: (times, error) =>
          error instanceof ApiProblem && error.retryAfterS !== undefined
            ? error.retryAfterS * 1000
            : Math.min(1000 * 2 ** times, longestWaitMs),
      },
      mutations: { networkMode: "always" },
    },
  });
}

/** Asks at once for every answer that failed and waits to be asked for again. */
export async function retryNow(queries: QueryClient): Promise<void> {
  const failed = queries.getQueryCache().findAll({ predicate: isFailing });
  const isOne = (query: CachedQuery) => failed.includes(query);
  // A query that waits for its next attempt ignores a call to refetch it.
  await queries.cancelQueries({ predicate: isOne });
  await queries.refetchQueries({ type: "active", predicate: isOne });
}

function isFailing({ state }: CachedQuery): boolean {
  return state.fetchFailureCount > 0 || state.status === "error";
}

/**
 * What a query's answer depends on. The list of activity changes with each event, and the page of a user or an
 * organization with each event of its timeline, so these pages follow the stream themselves.
 */
export type Topic = LiveTopic | "activity" | "user" | "organization";

/** An answer of the api that is read again whenever the server says that `topic` changed. */
export function useAnswer<Answer>(topic: Topic, path: string, query: Query = {}, enabled = true) {
  return useQuery({
    queryKey: [topic, path, query],
    queryFn: ({ signal }) => get<Answer>(path, { query, signal }),
    enabled,
  });
}

export type List<Item> = { items: Item[]; nextCursor: string | null };

/** A list with a page for each `nextCursor`. `items` holds the pages that are loaded so far. */
export function useList<Item>(topic: Topic, path: string, query: Query = {}, enabled = true) {
  const list = useInfiniteQuery({
    queryKey: [topic, path, query],
    queryFn: ({ pageParam, signal }) =>
      get<List<Item>>(path, { query: { ...query, cursor: pageParam ?? undefined }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.nextCursor,
    enabled,
  });
  return { ...list, items: list.data?.pages.flatMap(({ items }) => items) ?? none };
}

const none: never[] = [];
