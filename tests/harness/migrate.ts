import { join } from "node:path";
import { runProcess } from "./process.ts";

export const migrateProgram = "apps/cli/dist/migrate/main.js";

/** Runs the built migrations. @throws Error with their output */
export async function migrate(
  environment: Record<string, string>,
  args: string[] = [],
  root = "",
): Promise<string> {
  const migration = runProcess(join(root, migrateProgram), environment, args);
  if ((await migration.exited) !== 0) throw new Error(migration.output());
  return migration.output();
}
