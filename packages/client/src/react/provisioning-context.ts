import { createContext, useContext } from "react";
import type { Locale } from "../locale.ts";
import type { Auth } from "./auth.ts";
import type { ProvisioningState } from "./state-machine.ts";

/** What the provider gives to everything below it. */
export type ProvisioningContext = {
  state: ProvisioningState;
  /** False while nobody can say who is signed in. */
  isLoaded: boolean;
  /** The user as the app's own library of accounts gave it, if it did. */
  accountUser: Auth["user"];
  locale: Locale;
  retry: () => void;
  dismissWelcome: () => void;
};

export const ProvisioningContext = createContext<ProvisioningContext | null>(null);

/** @throws Error above the provider */
export function useProvisioningContext(): ProvisioningContext {
  const context = useContext(ProvisioningContext);
  if (!context) throw new Error("Put <UserProvisioningProvider> above this component");
  return context;
}
