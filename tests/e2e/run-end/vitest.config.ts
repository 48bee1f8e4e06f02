import { defineConfig } from "vitest/config";

const conditions = ["@rollcall/source"];

/** A run of one test that starts processes and never ends. run-end.test.ts ends it. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { include: ["endless-run.ts"], globalSetup: ["../../run-folder.ts"], testTimeout: 600_000 },
});
