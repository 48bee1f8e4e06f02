import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startPostgres } from "@rollcall/local-services";
import { migrate, migrateProgram } from "./migrate.ts";

/** A stopped cluster with all tables, for tests to copy. Creating one takes four CPU seconds, and tests need many. */
export type ClusterTemplate = { dataDir: string | undefined; remove(): Promise<void> };

/** Creates the template with the built migrations. Without a build, `dataDir` is undefined. */
export async function makeClusterTemplate(): Promise<ClusterTemplate> {
  if (!existsSync(migrateProgram)) return { dataDir: undefined, remove: async () => undefined };
  const folder = await mkdtemp(join(tmpdir(), "rollcall-cluster-"));
  const dataDir = join(folder, "cluster");
  const server = await startPostgres({ dataDir, settings: { fsync: "off" }, sync: false });
  await migrate({ DATABASE_URL: server.url });
  await server.stop("fast");
  return { dataDir, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Copies the template and keeps its owner, because Postgres does not run as root. */
export async function copyCluster(template: string, dataDir: string): Promise<void> {
  await promisify(execFile)("cp", ["-a", template, dataDir]);
}
