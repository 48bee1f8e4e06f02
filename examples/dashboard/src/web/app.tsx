import { createRollcallClient } from "@rollcall/client";
import { UserProvisioningProvider } from "@rollcall/client/react";
import type { Simulator } from "@rollcall/client/simulator";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState, useSyncExternalStore } from "react";
import type { PageConfiguration } from "./configuration.ts";
import { DashboardPage } from "./dashboard/dashboard-page.tsx";
import { useLanguage } from "./language/language.tsx";
import { ProvisioningToast } from "./provisioning/provisioning-toast.tsx";
import { SignInPage } from "./sign-in/sign-in-page.tsx";
import { TopBar } from "./top-bar.tsx";

type Props = { configuration: PageConfiguration; simulator: Simulator };

/** All use of Rollcall's client starts here: the client, the provider and the signed-in user, who is Clerk's `useAuth()` in an app with Clerk. */
export function App({ configuration, simulator }: Props): ReactNode {
  const { language } = useLanguage();
  const auth = useSyncExternalStore(simulator.subscribe, simulator.getAuth);
  const [queries] = useState(() => new QueryClient());
  const rollcall = useMemo(
    () => createRollcallClient({ baseUrl: configuration.rollcallUrl }),
    [configuration.rollcallUrl],
  );
  return (
    <QueryClientProvider client={queries}>
      <UserProvisioningProvider client={rollcall} auth={auth} locale={language}>
        <TopBar person={auth.user} onSignOut={simulator.signOut} />
        {auth.user ? (
          <DashboardPage auth={auth} supportUrl={configuration.supportUrl} />
        ) : (
          <SignInPage simulator={simulator} />
        )}
        <ProvisioningToast />
      </UserProvisioningProvider>
    </QueryClientProvider>
  );
}
