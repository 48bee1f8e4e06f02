import {
  type DefaultError,
  type DefinedInitialDataOptions,
  type DefinedUseQueryResult,
  type QueryKey,
  type UndefinedInitialDataOptions,
  type UseQueryOptions,
  type UseQueryResult,
  type UseSuspenseQueryOptions,
  type UseSuspenseQueryResult,
  useQuery,
  useSuspenseQuery,
} from "@tanstack/react-query";
import { useProvisioningContext } from "../react/provisioning-context.ts";
import { useUserProvisioning } from "../react/use-user-provisioning.ts";
import type { Owner } from "../react/user-caches.ts";
import { isOwn, scopeQueryKey } from "./query-scope.ts";
import { useUserCache } from "./use-user-cache.ts";

/**
 * TanStack's `useQuery` for data of the signed-in user. The query runs only after the profile exists. Its cache belongs to
 * the user in the active organization: an answer to another user, or of another organization, is never shown, not even as a
 * placeholder.
 */
export function useAuthedQuery<
  QueryFnData = unknown,
  QueryError = DefaultError,
  Answer = QueryFnData,
  Key extends QueryKey = QueryKey,
>(
  options: DefinedInitialDataOptions<QueryFnData, QueryError, Answer, Key>,
): DefinedUseQueryResult<NoInfer<Answer>, QueryError>;
export function useAuthedQuery<
  QueryFnData = unknown,
  QueryError = DefaultError,
  Answer = QueryFnData,
  Key extends QueryKey = QueryKey,
>(
  options: UndefinedInitialDataOptions<QueryFnData, QueryError, Answer, Key>,
): UseQueryResult<NoInfer<Answer>, QueryError>;
export function useAuthedQuery<
  QueryFnData = unknown,
  QueryError = DefaultError,
  Answer = QueryFnData,
  Key extends QueryKey = QueryKey,
>(
  options: UseQueryOptions<QueryFnData, QueryError, Answer, Key>,
): UseQueryResult<NoInfer<Answer>, QueryError>;
export function useAuthedQuery<QueryFnData, QueryError, Answer, Key extends QueryKey>(
  options: UseQueryOptions<QueryFnData, QueryError, Answer, Key>,
): UseQueryResult<Answer, QueryError> {
  const { status, userId, organizationId } = useUserProvisioning();
  // The app's default options must be as safe as the options of this call.
  const { enabled = true, placeholderData } = useUserCache().defaultQueryOptions(options);
  const { queryHash: _ofTheUnscopedKey, ...rest } = options;
  return useQuery({
    ...rest,
    // Functions among the options receive this key too, so their writes to the cache stay with the user.
    queryKey: scopeQueryKey(options.queryKey, userId, organizationId) as Key,
    enabled: status === "provisioned" && enabled,
    ...(typeof placeholderData === "function" && {
      placeholderData: keepOwn(placeholderData, { userId, organizationId }) as typeof placeholderData,
    }),
  });
}

/**
 * TanStack's `useSuspenseQuery` for data of the signed-in user. It suspends until the profile exists, and throws the error
 * when the profile could not be made. On a server it throws without a profile, so that the browser renders this part.
 */
export function useAuthedSuspenseQuery<
  QueryFnData = unknown,
  QueryError = DefaultError,
  Answer = QueryFnData,
  Key extends QueryKey = QueryKey,
>(
  options: UseSuspenseQueryOptions<QueryFnData, QueryError, Answer, Key>,
): UseSuspenseQueryResult<Answer, QueryError> {
  const { status, userId, organizationId, error } = useUserProvisioning();
  const { provisioning } = useProvisioningContext();
  useUserCache();
  if (status !== "provisioned") {
    if (isServer())
      throw new Error("The profile is not known on the server: pass initialSession to the provider");
    if (error && status === "unprovisioned") throw error;
    throw provisioning.whenChanged();
  }
  const { queryHash: _ofTheUnscopedKey, ...rest } = options as typeof options & { queryHash?: string };
  return useSuspenseQuery({
    ...rest,
    queryKey: scopeQueryKey(options.queryKey, userId, organizationId) as Key,
  });
}

/** A server renders once, so it would wait for ever. React Native has no document either. */
function isServer(): boolean {
  return typeof document === "undefined" && globalThis.navigator?.product !== "ReactNative";
}

/** Makes a placeholder from the previous query, unless that query belonged to another owner. */
function keepOwn(makePlaceholder: unknown, owner: Owner) {
  // TanStack's conditional type hides this signature, with which TanStack calls the function.
  const make = makePlaceholder as (previous?: unknown, query?: { queryKey: QueryKey }) => unknown;
  return (previous?: unknown, query?: { queryKey: QueryKey }) =>
    query && isOwn(query.queryKey, owner) ? make(previous, query) : make();
}
