import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { removePostgres } from "@rollcall/sandbox";

/** Removes all that earlier runs left in `dir`, except `lock`, which is this run's. Ends a Postgres that still runs there. */
export async function removeEarlierRuns(dir: string, lock: string): Promise<void> {
  await removePostgres(join(dir, "postgres"));
  for (const name of await readdir(dir)) {
    if (name !== lock) await rm(join(dir, name), { recursive: true, force: true });
  }
}
