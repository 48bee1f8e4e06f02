import { readFile } from "node:fs/promises";
import { platform } from "node:os";
import { startClerkSimulator } from "@rollcall/clerk-simulator";
import { createDatabase } from "@rollcall/local-services";
import pg from "pg";
import { expect, inject, test } from "vitest";
import { migrate } from "../harness/migrate.ts";
import { runProcess } from "../harness/process.ts";
import { waitFor } from "../harness/wait-for.ts";

/**
 * Starts a worker on an empty database. Its first full sync inserts all users, and its second one compares them.
 *
 * @returns the peak of the worker's resident memory, in megabytes
 */
async function measurePeakMb(users: number): Promise<number> {
  const databaseUrl = await createDatabase(inject("postgresUrl"));
  await migrate({ DATABASE_URL: databaseUrl });
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  const clerk = await startClerkSimulator({ secretKey: "sk_live_memory", rateLimit: null });
  await clerk.users.seed(users);
  const worker = runProcess("apps/worker/dist/main.js", {
    DATABASE_URL: databaseUrl,
    WORKER_PORT: "0",
    CLERK_API_URL: clerk.url,
    CLERK_SECRET_KEY: clerk.secretKey,
    LOG_LEVEL: "warn",
  });
  try {
    for (const fullSyncs of [1, 2]) {
      await waitFor(
        `a full sync of ${users} users`,
        async () => {
          const done = await pool.query(
            "select from rollcall.runs where mode = 'full' and state = 'succeeded' and seen = $1",
            [users],
          );
          return done.rowCount === fullSyncs ? true : undefined;
        },
        300_000,
      );
      await pool.query(
        "insert into rollcall.runs (mode, dry_run, started_by) values ('full', false, 'test') on conflict do nothing",
      );
    }
    const status = await readFile(`/proc/${worker.child.pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
  } finally {
    await worker.stop();
    await Promise.all([pool.end(), clerk.stop()]);
  }
}

const isLinux = platform() === "linux";
const why = isLinux ? "" : " (skipped: reads /proc)";
// ROLLCALL_LARGE_TESTS=true uses larger numbers, which take a minute on a quiet machine.
const isLarge = process.env["ROLLCALL_LARGE_TESTS"] === "true";
// Both have enough users for all ranges that are walked at once.
const [few, many] = isLarge ? [40_000, 200_000] : [40_000, 100_000];
const mostMb = 250;

test.skipIf(!isLinux)(
  `a full sync of ${many} users takes no more memory than one of ${few}${why}`,
  async () => {
    const [fewMb, manyMb] = [await measurePeakMb(few), await measurePeakMb(many)];
    expect(manyMb, `${manyMb} MB after ${fewMb} MB`).toBeLessThan(fewMb * 1.2);
    expect(manyMb).toBeLessThan(mostMb);
  },
  700_000,
);
