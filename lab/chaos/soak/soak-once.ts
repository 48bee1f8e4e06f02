import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCluster } from "../stage/cluster.ts";
import { migrateDatabase } from "../stage/migrate-database.ts";
import { runSoak, type SoakOptions } from "./run-soak.ts";

/** Soaks on a Postgres of its own. @returns how much did not hold */
export async function soakOnce(
  options: Omit<SoakOptions, "cluster" | "folder"> & { keep: boolean },
): Promise<number> {
  const { root, backend, keep, say } = options;
  const cluster = await startCluster((databaseUrl) => migrateDatabase(root, databaseUrl));
  const folder = await mkdtemp(join(tmpdir(), `rollcall-soak-${backend}-`));
  try {
    const broken = await runSoak({ ...options, cluster, folder });
    if (broken.length > 0 || keep) say(`logs and data are kept in ${folder}`);
    else await rm(folder, { recursive: true, force: true });
    return broken.length;
  } finally {
    await cluster.stop();
  }
}
