import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { runbook } from "./runbook-plugin.ts";

export default defineConfig({
  base: "/admin/",
  plugins: [react(), runbook()],
  build: {
    target: "es2022",
    reportCompressedSize: false,
    // A data: address for a small file would need a hole in the content security policy.
    assetsInlineLimit: 0,
    // The polyfill is an inline script's work, which the policy refuses; every supported browser preloads modules.
    modulePreload: { polyfill: false },
  },
});
