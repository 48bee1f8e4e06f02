import { ProvisioningGate } from "@rollcall/client/react";
import type { SimulatedAuth } from "@rollcall/client/simulator";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { useLanguage } from "../language/language.tsx";
import { Loading } from "../provisioning/loading.tsx";
import { ProvisioningError } from "../provisioning/provisioning-error.tsx";
import { Dashboard } from "./dashboard.tsx";
import { createTrpcOf, TRPCProvider } from "./trpc.ts";
import { Welcome } from "./welcome.tsx";

type Props = { auth: SimulatedAuth; supportUrl: string | null };

/** The page of a signed-in user: the dashboard, or the reason why it is not available yet. */
export function DashboardPage({ auth, supportUrl }: Props): ReactNode {
  const { text } = useLanguage();
  const queries = useQueryClient();
  const trpc = useMemo(() => createTrpcOf(auth), [auth]);
  return (
    <TRPCProvider trpcClient={trpc} queryClient={queries}>
      <main className="dashboard">
        <ProvisioningGate
          loading={<Loading words={text("preparing")} />}
          error={ProvisioningError}
          welcome={Welcome}
          {...(supportUrl && { supportUrl })}
        >
          <Dashboard />
        </ProvisioningGate>
      </main>
    </TRPCProvider>
  );
}
