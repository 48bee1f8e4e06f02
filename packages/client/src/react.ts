"use client";

export type { ErrorSlotProps, GateTexts, WelcomeSlotProps } from "./react/default-slots.tsx";
export type { InitialSession } from "./react/initial-session.ts";
export type { WatchForeground } from "./react/provisioning.ts";
export type { Auth } from "./react/provisioning-context.ts";
export {
  HeadlessProvisioningGate,
  type HeadlessProvisioningGateProps,
  ProvisioningGate,
  type ProvisioningGateProps,
} from "./react/provisioning-gate.tsx";
export { type UserProvisioning, useUserProvisioning } from "./react/use-user-provisioning.ts";
export { type UserSync, useUserSync } from "./react/use-user-sync.ts";
export {
  UserProvisioningProvider,
  type UserProvisioningProviderProps,
} from "./react/user-provisioning-provider.tsx";
