import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Environment } from "./settings.ts";
import { StartError } from "./start-error.ts";

/**
 * Applies the migrations in a process of their own.
 *
 * @throws StartError with what the migration said
 */
export async function migrate(entry: string, environment: Environment): Promise<void> {
  const child = spawn(process.execPath, [entry], {
    env: environment,
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    complaint += chunk;
  });
  const [code] = await once(child, "close");
  if (code !== 0) {
    throw new StartError(
      `${complaint.trim()}\nIs the Postgres of DATABASE_URL there, and may we create tables?`,
    );
  }
}
