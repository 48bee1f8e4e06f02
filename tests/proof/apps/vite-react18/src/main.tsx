import { ClerkProvider, Show, SignIn, useAuth } from "@clerk/react";
import { createRollcallClient } from "@rollcall/client";
import { ProvisioningGate, UserProvisioningProvider, useUserProvisioning } from "@rollcall/client/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

const rollcall = createRollcallClient({ baseUrl: import.meta.env.VITE_ROLLCALL_URL });

function Dashboard() {
  const provisioning = useUserProvisioning();
  return provisioning.status === "provisioned" && <h1>{provisioning.mentorado?.nomeCompleto}</h1>;
}

function App() {
  return (
    <UserProvisioningProvider client={rollcall} auth={useAuth()}>
      <ProvisioningGate>
        <Dashboard />
      </ProvisioningGate>
    </UserProvisioningProvider>
  );
}

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <ClerkProvider publishableKey={import.meta.env.VITE_CLERK_PUBLISHABLE_KEY}>
      <Show when="signed-out">
        <SignIn />
      </Show>
      <Show when="signed-in">
        <App />
      </Show>
    </ClerkProvider>
  </StrictMode>,
);
