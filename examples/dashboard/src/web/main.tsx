import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { readConfiguration } from "./configuration.ts";
import { LanguageProvider } from "./language/language.tsx";
import { createClerk } from "./session/clerk.ts";
import { openSessions } from "./session/sessions.ts";
import "./style/base.css";
import "./style/page.css";
import "./style/dashboard.css";

const configuration = readConfiguration(document);
const clerk = createClerk(configuration.clerkUrl);
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <LanguageProvider>
        <App configuration={configuration} clerk={clerk} sessions={openSessions(clerk)} />
      </LanguageProvider>
    </StrictMode>,
  );
}
