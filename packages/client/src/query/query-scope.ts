import type { QueryClient, QueryKey } from "@tanstack/react-query";
import type { Owner } from "../react/user-caches.ts";

type Scope = { rollcallUser: string | null; rollcallOrganization?: string };

/**
 * The key under which a user's query is cached; the query function receives the same key. The user id, and the id of the active
 * organization if there is one, are added at the end: inside the last part if that is an object, else as a new part. So
 * `invalidateQueries` still finds a query by the start of its key, and tRPC, which reads its call from the key, finds its own
 * number of parts.
 */
export function scopeQueryKey(
  queryKey: QueryKey,
  userId: string | null,
  organizationId?: string | null,
): QueryKey {
  const scope: Scope = {
    rollcallUser: userId,
    ...(organizationId && { rollcallOrganization: organizationId }),
  };
  const last = queryKey.at(-1);
  return isPlainObject(last) ? [...queryKey.slice(0, -1), { ...last, ...scope }] : [...queryKey, scope];
}

function isPlainObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** The owner of a query; undefined when the query belongs to no user. */
export function readQueryOwner(queryKey: QueryKey): Owner | undefined {
  const last = queryKey.at(-1);
  if (typeof last !== "object" || last === null || !("rollcallUser" in last)) return undefined;
  const { rollcallUser: user, rollcallOrganization: organization } = last as Record<string, unknown>;
  return {
    userId: typeof user === "string" ? user : null,
    organizationId: typeof organization === "string" ? organization : null,
  };
}

/** Whether a query belongs to this owner. */
export function isOwn(queryKey: QueryKey, { userId, organizationId }: Owner): boolean {
  const owner = readQueryOwner(queryKey);
  return owner?.userId === userId && owner.organizationId === organizationId;
}

/** Removes the answers to other owners from the cache; their calls in flight are cancelled. */
export function forgetOthers(queries: QueryClient, owner: Owner): void {
  queries.removeQueries({
    predicate: ({ queryKey }) => readQueryOwner(queryKey) !== undefined && !isOwn(queryKey, owner),
  });
}
