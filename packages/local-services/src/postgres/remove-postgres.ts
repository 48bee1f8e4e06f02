import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { readPidFile } from "./pid-file.ts";
import { stopPostmaster } from "./stop-postmaster.ts";
import { removeUnfinished } from "./unfinished.ts";

/**
 * Removes the cluster at `dataDir` and its default log, after ending the server that may still run there (a killed
 * process leaves one). Does nothing when there is none. Throws when the server will not end.
 */
export async function removePostgres(dataDir: string): Promise<void> {
  const path = resolve(dataDir);
  const file = await readPidFile(path).catch(() => undefined);
  if (typeof file === "object") await stopPostmaster(file.pid, path, "immediate");
  await rm(path, { recursive: true, force: true });
  await rm(`${path}.log`, { force: true });
  await removeUnfinished(path).catch(() => undefined);
}
