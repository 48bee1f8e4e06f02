import { findRedisServer, startRedis, startTemporaryPostgres } from "@rollcall/local-services";
import type { TestProject } from "vitest/node";
import { makeClusterTemplate } from "./harness/cluster-template.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A Postgres server of the run. Tests connect to its `postgres` database to create databases of their own. */
    postgresUrl: string;
    /** The data folder of a cluster with all tables, for tests to copy. It is undefined while there is no build. */
    clusterTemplate: string | undefined;
    /** A Redis that tests share. If it is undefined, the tests that need Redis are skipped and their names say so. */
    redisUrl: string | undefined;
    /** The program for tests that start and stop a Redis of their own. */
    redisBinary: string | undefined;
  }
}

const installHint = "Redis tests are skipped: put redis-server or valkey-server on PATH, or set REDIS_URL";

export default async function startServices(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, template] = await Promise.all([startTemporaryPostgres(), makeClusterTemplate()]);
  const redisBinary = findRedisServer(process.env["PATH"]);
  const ownRedis =
    redisBinary && !process.env["REDIS_URL"] ? await startRedis({ binary: redisBinary }) : undefined;
  const redisUrl = process.env["REDIS_URL"] ?? ownRedis?.url;
  if (!redisUrl || !redisBinary) {
    if (process.env["CI"] === "true") throw new Error(`CI must test Redis too. ${installHint}`);
    process.stdout.write(`${installHint}\n`);
  }
  project.provide("postgresUrl", postgres.url);
  project.provide("clusterTemplate", template.dataDir);
  project.provide("redisUrl", redisUrl);
  project.provide("redisBinary", redisBinary);
  return async () => {
    await ownRedis?.stop();
    await postgres.stop();
    await template.remove();
  };
}
