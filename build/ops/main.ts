import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { listOpsFiles } from "./list-ops-files.ts";

// Writes the files of ops/ that are made from the tables of contracts.
for (const [path, text] of listOpsFiles()) {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
