import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useProvisioningContext } from "../react/provisioning-context.ts";
import { forgetOthers } from "./query-scope.ts";

/** The QueryClient of the page, from which the provider removes answers to other users. */
export function useUserCache() {
  const queries = useQueryClient();
  const { rememberCache } = useProvisioningContext();
  useEffect(() => {
    rememberCache(queries, {
      forgetOthers: (owner) => forgetOthers(queries, owner),
      clear: () => queries.clear(),
    });
  }, [queries, rememberCache]);
  return queries;
}
