import { ClerkProvider, Show, SignIn } from "@clerk/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Dashboard } from "./dashboard";
import { Provisioned } from "./rollcall";

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <ClerkProvider publishableKey={import.meta.env.VITE_CLERK_PUBLISHABLE_KEY}>
      <Show when="signed-out">
        <SignIn />
      </Show>
      <Show when="signed-in">
        <Provisioned>
          <Dashboard />
        </Provisioned>
      </Show>
    </ClerkProvider>
  </StrictMode>,
);
