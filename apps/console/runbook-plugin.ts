import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { readRunbook } from "./src/runbook/read-runbook.ts";

const file = fileURLToPath(new URL("../../docs/RUNBOOK.md", import.meta.url));
const name = "virtual:runbook";
const resolved = `\0${name}`;

/** Makes docs/RUNBOOK.md a module: its sections by error code or alert. */
export function runbook(): Plugin {
  return {
    name: "rollcall-runbook",
    resolveId: (source) => (source === name ? resolved : undefined),
    async load(id) {
      if (id !== resolved) return undefined;
      this.addWatchFile(file);
      return `export default ${JSON.stringify(readRunbook(await readFile(file, "utf8")))}`;
    },
  };
}
