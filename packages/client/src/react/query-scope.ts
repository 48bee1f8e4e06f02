import type { QueryClient, QueryKey } from "@tanstack/react-query";

type Scope = { rollcallUser: string | null };

/**
 * The key under which a user's query is cached. The user stands at its end: what names a query by the start of
 * its key, as `invalidateQueries` does, still finds it.
 */
export function scopeQueryKey<Key extends QueryKey>(queryKey: Key, userId: string | null): [...Key, Scope] {
  return [...queryKey, { rollcallUser: userId }];
}

/** Whose query it is; undefined when it belongs to no user. */
export function readQueryUser(queryKey: QueryKey): string | null | undefined {
  const last = queryKey.at(-1);
  if (typeof last !== "object" || last === null || !("rollcallUser" in last)) return undefined;
  return typeof last.rollcallUser === "string" ? last.rollcallUser : null;
}

/** Removes from the cache what other users were answered; calls under way are cancelled. */
export function forgetOthers(queries: QueryClient, userId: string | null): void {
  queries.removeQueries({
    predicate: ({ queryKey }) => {
      const owner = readQueryUser(queryKey);
      return owner !== undefined && owner !== userId;
    },
  });
}
