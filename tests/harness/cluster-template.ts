import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { startPostgres } from "@rollcall/local-services";
import { migrate, migrateProgram } from "./migrate.ts";

/** A stopped cluster with all tables, to be copied: making one takes four seconds of a core, and tests need a hundred. */
export type ClusterTemplate = { dataDir: string | undefined; remove(): Promise<void> };

/** Makes one with the built migrations; without a build there is none, and nothing to run on it either. */
export async function makeClusterTemplate(): Promise<ClusterTemplate> {
  if (!existsSync(migrateProgram)) return { dataDir: undefined, remove: async () => undefined };
  const folder = await mkdtemp(join(tmpdir(), "rollcall-cluster-"));
  const dataDir = join(folder, "cluster");
  const server = await startPostgres({ dataDir, settings: { fsync: "off" }, sync: false });
  await migrate({ DATABASE_URL: server.url });
  await server.stop("fast");
  return { dataDir, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Copies it with its owner, who is another one than root. */
export async function copyCluster(template: string, dataDir: string): Promise<void> {
  await promisify(execFile)("cp", ["-a", template, dataDir]);
}
