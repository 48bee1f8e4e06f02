import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RedisServer, startRedis } from "@rollcall/local-services";
import { type Cluster, startCluster } from "../../chaos/stage/cluster.ts";
import { holdReconcile } from "../../chaos/stage/hold-reconcile.ts";
import { migrateDatabase } from "../../chaos/stage/migrate-database.ts";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** What all cases share: a Postgres with a migrated database to copy, a Redis, and a folder for logs. */
export type Services = {
  readonly folder: string;
  readonly cluster: Cluster;
  readonly redis: RedisServer;
  close(): Promise<void>;
};

/** Nothing is reconciled in a copy of the prepared database until its leases are let go. */
export async function openServices(redisBinary: string): Promise<Services> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-bench-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  let redis: RedisServer | undefined;
  try {
    redis = await startRedis({ binary: redisBinary, dir: join(folder, "redis") });
    const cluster = await startCluster(async (databaseUrl) => {
      await migrateDatabase(root, databaseUrl);
      await holdReconcile(databaseUrl);
    });
    const stopRedis = redis.stop;
    const close = async () => {
      await Promise.allSettled([cluster.stop(), stopRedis()]);
      await remove();
    };
    return { folder, cluster, redis, close };
  } catch (error) {
    await redis?.stop();
    await remove();
    throw error;
  }
}
