import type { QueryClient, QueryKey } from "@tanstack/react-query";

type Scope = { rollcallUser: string | null };

/**
 * The key under which a user's query is cached, and which its query function is given. The user stands at its end, in
 * the object that is there or one of its own: what names a query by the start of its key, as `invalidateQueries`
 * does, still finds it, and tRPC, which reads its question from the key, finds as many parts as it wrote.
 */
export function scopeQueryKey(queryKey: QueryKey, userId: string | null): QueryKey {
  const scope: Scope = { rollcallUser: userId };
  const last = queryKey.at(-1);
  return isPlainObject(last) ? [...queryKey.slice(0, -1), { ...last, ...scope }] : [...queryKey, scope];
}

function isPlainObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
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
