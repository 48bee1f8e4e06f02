import type { QueryClient, QueryKey } from "@tanstack/react-query";

type Scope = { rollcallUser: string | null };

/**
 * The key under which a user's query is cached; the query function receives the same key. The user id is added at the end:
 * inside the last part if that is an object, else as a new part. So `invalidateQueries` still finds a query by the start
 * of its key, and tRPC, which reads its call from the key, finds its own number of parts.
 */
export function scopeQueryKey(queryKey: QueryKey, userId: string | null): QueryKey {
  const scope: Scope = { rollcallUser: userId };
  const last = queryKey.at(-1);
  return isPlainObject(last) ? [...queryKey.slice(0, -1), { ...last, ...scope }] : [...queryKey, scope];
}

function isPlainObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** The user of a query; undefined when the query belongs to no user. */
export function readQueryUser(queryKey: QueryKey): string | null | undefined {
  const last = queryKey.at(-1);
  if (typeof last !== "object" || last === null || !("rollcallUser" in last)) return undefined;
  return typeof last.rollcallUser === "string" ? last.rollcallUser : null;
}

/** Removes the answers to other users from the cache; their calls in flight are cancelled. */
export function forgetOthers(queries: QueryClient, userId: string | null): void {
  queries.removeQueries({
    predicate: ({ queryKey }) => {
      const owner = readQueryUser(queryKey);
      return owner !== undefined && owner !== userId;
    },
  });
}
