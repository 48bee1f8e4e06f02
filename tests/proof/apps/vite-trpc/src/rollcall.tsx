import { useAuth } from "@clerk/react";
import { createRollcallClient } from "@rollcall/client";
import { ProvisioningGate, UserProvisioningProvider } from "@rollcall/client/react";
import { QueryClientProvider } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { queries } from "./trpc";

const rollcall = createRollcallClient({ baseUrl: import.meta.env.VITE_ROLLCALL_URL, locale: "pt-BR" });

export function Provisioned({ children }: { children: ReactNode }) {
  return (
    <QueryClientProvider client={queries}>
      <UserProvisioningProvider client={rollcall} auth={useAuth()}>
        <ProvisioningGate supportUrl="https://example.com/suporte">{children}</ProvisioningGate>
      </UserProvisioningProvider>
    </QueryClientProvider>
  );
}
