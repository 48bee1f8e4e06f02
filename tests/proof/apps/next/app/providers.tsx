"use client";

import { useAuth } from "@clerk/nextjs";
import { createRollcallClient } from "@rollcall/client";
import { type InitialSession, UserProvisioningProvider } from "@rollcall/client/react";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

const rollcall = createRollcallClient({ baseUrl: process.env.NEXT_PUBLIC_ROLLCALL_URL ?? "" });

type Props = { children: ReactNode; initialSession: InitialSession };

export function Providers({ children, initialSession }: Props) {
  // Inside of the component, because on the server all users share the values of a module.
  const [queries] = useState(() => new QueryClient());
  return (
    <QueryClientProvider client={queries}>
      <UserProvisioningProvider client={rollcall} auth={useAuth()} initialSession={initialSession}>
        {children}
      </UserProvisioningProvider>
    </QueryClientProvider>
  );
}
