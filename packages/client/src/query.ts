"use client";

export { scopeQueryKey } from "./query/query-scope.ts";
export { useAuthedMutation } from "./query/use-authed-mutation.ts";
export { useAuthedQuery, useAuthedSuspenseQuery } from "./query/use-authed-query.ts";
