import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { removePostgres } from "@rollcall/local-services";

/**
 * Removes what earlier runs left in `dir`, and ends a Postgres that still runs there. Only what bears a name that we
 * give is touched, and only where a run of ours has been: the folder is of a person's choosing.
 */
export async function removeEarlierRuns(dir: string): Promise<void> {
  const secrets = join(dir, "secrets.json");
  if (!existsSync(secrets)) return;
  await removePostgres(join(dir, "postgres"));
  for (const name of ["logs", "people.jsonl"]) await rm(join(dir, name), { recursive: true, force: true });
  // The mark of a run goes last, so that a removal that was cut short can be repeated.
  await rm(secrets, { force: true });
}
