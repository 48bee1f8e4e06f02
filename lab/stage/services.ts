import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RedisServer, startRedis } from "@rollcall/local-services";
import { type Cluster, migrateDatabase, startCluster } from "./postgres.ts";
import { takeReconcileLeases } from "./reconcile-leases.ts";
import { repository } from "./repository.ts";

/** Shared by all cases: a Postgres server with a migrated database to copy, a Redis, and a folder for logs. */
export type Services = {
  readonly folder: string;
  readonly cluster: Cluster;
  readonly redis: RedisServer;
  close(): Promise<void>;
};

/** Starts the services. In a copy of the database, no reconcile runs until its leases are released. */
export async function openServices(redisBinary: string): Promise<Services> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-bench-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  let redis: RedisServer | undefined;
  try {
    redis = await startRedis({ binary: redisBinary, dir: join(folder, "redis") });
    const cluster = await startCluster(async (databaseUrl) => {
      await migrateDatabase(repository, databaseUrl);
      await takeReconcileLeases(databaseUrl);
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
