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
 * TanStack's `useQuery` for data of the signed-in user. The query runs only after the profile exists. Its cache belongs to
 * the user: an answer to another user is never shown, not even as a placeholder.
 */
export function useAuthedQuery<
  QueryFnData = unknown,
  QueryError = DefaultError,
  Answer = QueryFnData,
  Key extends QueryKey = QueryKey,
>(options: UseQueryOptions<QueryFnData, QueryError, Answer, Key>): UseQueryResult<Answer, QueryError> {
  const { status, userId } = useUserProvisioning();
  // The app's default options must be as safe as the options of this call.
  const { enabled = true, placeholderData } = useQueryClient().defaultQueryOptions(options);
  const { queryHash: _ofTheUnscopedKey, ...rest } = options;
  return useQuery({
    ...rest,
    // Functions among the options receive this key too, so their writes to the cache stay with the user.
    queryKey: scopeQueryKey(options.queryKey, userId) as Key,
    enabled: status === "provisioned" && enabled,
    ...(typeof placeholderData === "function" && {
      placeholderData: keepOwn(placeholderData, userId) as typeof placeholderData,
    }),
  });
}

/** Makes a placeholder from the previous query, unless that query belonged to another user. */
function keepOwn(makePlaceholder: unknown, userId: string | null) {
  // TanStack's conditional type hides this signature, with which TanStack calls the function.
  const make = makePlaceholder as (previous?: unknown, query?: { queryKey: QueryKey }) => unknown;
  return (previous?: unknown, query?: { queryKey: QueryKey }) =>
    query && readQueryUser(query.queryKey) === userId ? make(previous, query) : make();
}
