import { connectSimulator } from "@rollcall/client/simulator";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { readConfiguration } from "./configuration.ts";
import { LanguageProvider } from "./language/language.tsx";
import "./style/base.css";
import "./style/page.css";
import "./style/dashboard.css";

const configuration = readConfiguration(document);
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <LanguageProvider>
        <App configuration={configuration} simulator={connectSimulator(configuration.simulatorUrl)} />
      </LanguageProvider>
    </StrictMode>,
  );
}
