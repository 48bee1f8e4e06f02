import { createRollcallClient } from "@rollcall/client";
import { UserProvisioningProvider } from "@rollcall/client/react";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import type { PageConfiguration } from "./configuration.ts";
import { DashboardPage } from "./dashboard/dashboard-page.tsx";
import { useLanguage } from "./language/language.tsx";
import { ProvisioningToast } from "./provisioning/provisioning-toast.tsx";
import type { Clerk } from "./session/clerk.ts";
import type { Sessions } from "./session/sessions.ts";
import { useSession } from "./session/use-session.ts";
import { SignInPage } from "./sign-in/sign-in-page.tsx";
import { TopBar } from "./top-bar.tsx";

type Props = { configuration: PageConfiguration; clerk: Clerk; sessions: Sessions };

/** All use of Rollcall's client starts here: the client, the provider and the signed-in user. */
export function App({ configuration, clerk, sessions }: Props): ReactNode {
  const { language } = useLanguage();
  const session = useSession(sessions);
  const [queries] = useState(() => new QueryClient());
  const rollcall = useMemo(
    () => createRollcallClient({ baseUrl: configuration.rollcallUrl }),
    [configuration.rollcallUrl],
  );
  const auth = useMemo(
    () => ({ isLoaded: true, userId: session?.user.id ?? null, getToken: session?.getToken }),
    [session],
  );
  return (
    <QueryClientProvider client={queries}>
      <UserProvisioningProvider client={rollcall} auth={auth} locale={language}>
        <TopBar person={session?.user} onSignOut={sessions.signOut} />
        {session ? (
          <DashboardPage session={session} supportUrl={configuration.supportUrl} />
        ) : (
          <SignInPage clerk={clerk} sessions={sessions} />
        )}
        <ProvisioningToast />
      </UserProvisioningProvider>
    </QueryClientProvider>
  );
}
