import {
  type DefaultError,
  type QueryKey,
  type UseQueryOptions,
  type UseQueryResult,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { readQueryUser, scopeQueryKey } from "./query-scope.ts";
import { useUserProvisioning } from "./use-user-provisioning.ts";

/**
 * TanStack's `useQuery` for what belongs to the signed-in user. It asks nothing until the profile is there, and
 * its cache is the user's own: nobody sees what another user was answered, not even as a placeholder.
 */
export function useAuthedQuery<
  QueryFnData = unknown,
  QueryError = DefaultError,
  Answer = QueryFnData,
  Key extends QueryKey = QueryKey,
>(options: UseQueryOptions<QueryFnData, QueryError, Answer, Key>): UseQueryResult<Answer, QueryError> {
  const { status, userId } = useUserProvisioning();
  // What is a default of the app's has to be as safe.
  const { enabled = true, placeholderData } = useQueryClient().defaultQueryOptions(options);
  const { queryHash: _ofTheUnscopedKey, ...rest } = options;
  return useQuery({
    ...rest,
    // Functions among the options are given this key as well: what writes to the cache by it writes to the user's own.
    queryKey: scopeQueryKey(options.queryKey, userId) as Key,
    enabled: status === "provisioned" && enabled,
    ...(typeof placeholderData === "function" && {
      placeholderData: keepOwn(placeholderData, userId) as typeof placeholderData,
    }),
  });
}

/** A placeholder that is made of the query before, which may have been another user's. */
function keepOwn(makePlaceholder: unknown, userId: string | null) {
  // TanStack hides the function's type behind a condition; this is what it calls.
  const make = makePlaceholder as (previous?: unknown, query?: { queryKey: QueryKey }) => unknown;
  return (previous?: unknown, query?: { queryKey: QueryKey }) =>
    query && readQueryUser(query.queryKey) === userId ? make(previous, query) : make();
}
