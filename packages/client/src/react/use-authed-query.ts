import {
  type DefaultError,
  type QueryFunctionContext,
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
  const { queryKey } = options;
  // What is a default of the app's has to be as safe.
  const { enabled = true, placeholderData, queryFn } = useQueryClient().defaultQueryOptions(options);
  return useQuery({
    ...options,
    // Any other function among the options is given this key, whose start is the one that it knows.
    queryKey: scopeQueryKey(queryKey, userId) as QueryKey as Key,
    ...(typeof queryFn === "function" && {
      queryFn: (context: QueryFunctionContext<Key>) => queryFn(withKey(context, queryKey)),
    }),
    enabled: status === "provisioned" && enabled,
    ...(typeof placeholderData === "function" && {
      placeholderData: keepOwn(placeholderData, userId) as typeof placeholderData,
    }),
  });
}

/** tRPC reads path and input from the key, and takes one that is longer for another kind of its own. */
function withKey<Context extends object>(context: Context, queryKey: QueryKey): Context {
  // Not a copy: that would read `signal`, which tells TanStack that somebody listens to it.
  return Object.create(context, { queryKey: { value: queryKey, enumerable: true } });
}

/** A placeholder that is made of the query before, which may have been another user's. */
function keepOwn(makePlaceholder: unknown, userId: string | null) {
  // TanStack hides the function's type behind a condition; this is what it calls.
  const make = makePlaceholder as (previous?: unknown, query?: { queryKey: QueryKey }) => unknown;
  return (previous?: unknown, query?: { queryKey: QueryKey }) =>
    query && readQueryUser(query.queryKey) === userId ? make(previous, query) : make();
}
