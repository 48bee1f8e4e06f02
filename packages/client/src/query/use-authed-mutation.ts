import {
  type DefaultError,
  type UseMutationOptions,
  type UseMutationResult,
  useMutation,
} from "@tanstack/react-query";
import { useProvisioningContext } from "../react/provisioning-context.ts";
import { useUserCache } from "./use-user-cache.ts";

/**
 * TanStack's `useMutation` for data of the signed-in user. The mutation waits until the profile exists. It fails with a
 * `RollcallError` when the profile could not be made, when no user is signed in, or when the user or the organization changes meanwhile.
 */
export function useAuthedMutation<
  Answer = unknown,
  MutationError = DefaultError,
  Variables = void,
  OnMutateResult = unknown,
>(
  options: UseMutationOptions<Answer, MutationError, Variables, OnMutateResult>,
): UseMutationResult<Answer, MutationError, Variables, OnMutateResult> {
  const { provisioning, locale } = useProvisioningContext();
  const { mutationFn } = useUserCache().defaultMutationOptions(options);
  return useMutation({
    ...options,
    ...(mutationFn && {
      mutationFn: async (...call: Parameters<typeof mutationFn>) => {
        await provisioning.whenProvisioned(locale);
        return mutationFn(...call);
      },
    }),
  });
}
