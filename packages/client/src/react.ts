"use client";

export type { ErrorSlotProps, WelcomeSlotProps } from "./react/default-slots.tsx";
export type { Auth } from "./react/provisioning-context.ts";
export { ProvisioningGate, type ProvisioningGateProps } from "./react/provisioning-gate.tsx";
export { scopeQueryKey } from "./react/query-scope.ts";
export { useAuthedQuery } from "./react/use-authed-query.ts";
export { type UserProvisioning, useUserProvisioning } from "./react/use-user-provisioning.ts";
export { type UserSync, useUserSync } from "./react/use-user-sync.ts";
export {
  UserProvisioningProvider,
  type UserProvisioningProviderProps,
} from "./react/user-provisioning-provider.tsx";
