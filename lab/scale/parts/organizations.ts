import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { defaultMapping } from "@rollcall/contracts";
import { createPool, migrateUp, restoreTables } from "@rollcall/db";
import { openFullSyncs } from "../../stage/full-syncs.ts";
import { readPeakRssMb } from "../../stage/process-usage.ts";
import { startStage } from "../../stage/stage.ts";
import type { ScalePart, Study } from "./part.ts";

const users = 20_000;
const members = 20;
const counts = [1_000, 10_000] as const;
const hourMs = 3_600_000;
/** The default of CLERK_RATE_BUDGET. */
const share = "0.5";

/** Full syncs over organizations and memberships: their duration, their requests, and the worker's memory. */
export const organizationsPart: ScalePart = async (study) => {
  const rows = [];
  for (const count of counts) {
    study.signal.throwIfAborted();
    study.say(`Full syncs of ${count} organizations`);
    rows.push(await measure(study, count));
  }
  return {
    tables: [
      {
        title: `A full sync of ${users} users, and of organizations with ${members} members each`,
        columns: ["organizations", "memberships", "first fill, s", "unchanged, s", "pages", "peak, MB"],
        rows,
        notes: [
          `CLERK_RATE_BUDGET ${share}. The pages are those of the unchanged run. Clerk answers at once.`,
        ],
      },
    ],
  };
};

async function measure({ services }: Study, organizations: number): Promise<(string | number)[]> {
  const stage = await startStage({ services, backend: "redis", users });
  const mapping = { ...defaultMapping, organizations: {} };
  const config = join(services.folder, `organizations-${organizations}.json`);
  await writeFile(config, JSON.stringify(mapping));
  const pool = createPool({
    ...{ databaseUrl: stage.databaseUrl, mapping, checksMapping: false, applicationName: "scale" },
    onIdleError: () => undefined,
  });
  try {
    await migrateUp(pool);
    await restoreTables(pool);
    await stage.clerk.organizations.seed(organizations, {
      members,
      firstCreatedAtMs: Date.now() - hourMs,
      stepMs: 10,
    });
    const worker = await stage.startApp("worker", { ROLLCALL_CONFIG: config, CLERK_RATE_BUDGET: share });
    const fullSyncs = await openFullSyncs(stage);
    const { rows } = await pool.query<{ seconds: number }>(
      "select extract(epoch from max(finished_at - started_at))::float8 as seconds from rollcall.runs where mode = 'full'",
    );
    const memberships = organizations * members;
    const unchangedMs = await fullSyncs.run(users + organizations + memberships);
    const run = await pool.query<{ pages: number }>(
      "select pages from rollcall.runs order by id desc limit 1",
    );
    await fullSyncs.close();
    return [
      String(organizations),
      memberships,
      rows[0]?.seconds ?? 0,
      unchangedMs / 1_000,
      run.rows[0]?.pages ?? 0,
      Math.round(await readPeakRssMb(worker.pid)),
    ];
  } finally {
    await pool.end();
    await stage.close();
  }
}
