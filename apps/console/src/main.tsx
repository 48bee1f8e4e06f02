import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createQueryClient } from "./api/queries.ts";
import { SessionProvider } from "./api/session.tsx";
import { ThemeProvider } from "./design/theme.tsx";
import { LanguageProvider } from "./language/language.tsx";
import { createConsoleRouter } from "./router.tsx";
import "./design/tokens.css";
import "./design/base.css";

const root = document.getElementById("console");
if (root === null) throw new Error("index.html has no element #console");

const queries = createQueryClient();
const router = createConsoleRouter();

createRoot(root).render(
  <StrictMode>
    <LanguageProvider>
      <ThemeProvider>
        <QueryClientProvider client={queries}>
          <SessionProvider>
            <RouterProvider router={router} />
          </SessionProvider>
        </QueryClientProvider>
      </ThemeProvider>
    </LanguageProvider>
  </StrictMode>,
);
