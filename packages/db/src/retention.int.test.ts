import { afterAll, beforeAll, expect, test } from "vitest";
import { recordAbsences } from "./absences.ts";
import { pruneFirings } from "./alerts.ts";
import { pruneBulkChanges } from "./bulk-portions.ts";
import { pruneEvents } from "./events.ts";
import type { Pool } from "./pool.ts";
import { prunePurges } from "./purges.ts";
import { pruneRuns } from "./runs.ts";
import { pruneSamples } from "./samples.ts";
import { createTestPool } from "./testing.ts";

let pool: Pool;
beforeAll(async () => {
  pool = await createTestPool();
});
afterAll(() => pool.end());

/** As docs/SECURITY.md promises: the table, how long a row stays, a row of the time `at`, and what prunes it. */
const promises: [string, string, (at: string) => string, (db: Pool) => Promise<unknown>][] = [
  ["events", "90 days", (at) => `(at, kind, cause) values (${at}, 'user_created', 'webhook')`, pruneEvents],
  ["alert_firings", "90 days", (at) => `(name, fired_at) values ('dead_letters', ${at})`, pruneFirings],
  [
    "runs",
    "90 days",
    (at) =>
      `(mode, dry_run, state, started_by, finished_at) values ('full', false, 'succeeded', 'ops', ${at})`,
    pruneRuns,
  ],
  [
    "runs",
    "7 days",
    (at) =>
      `(mode, dry_run, state, started_by, finished_at) values ('catch-up', false, 'succeeded', 'ops', ${at})`,
    pruneRuns,
  ],
  [
    "bulk_changes",
    "90 days",
    (at) => `(searched, state, started_by, finished_at) values (false, 'done', 'ops', ${at})`,
    pruneBulkChanges,
  ],
  [
    "purges",
    "1 day",
    (at) =>
      `(clerk_id, keep_profile, also, preview, started_by, finished_at) values ('user_1', false, '{}', false, 'ops', ${at})`,
    prunePurges,
  ],
  [
    "absences",
    "1 day",
    (at) => `(clerk_id, seen_at) values ('user_' || extract(epoch from ${at}), ${at})`,
    (db) => recordAbsences(db, []),
  ],
  ["samples", "26 hours", (at) => `(metric, at, labels, value) values ('m', ${at}, '{}', 1)`, pruneSamples],
];

test.each(promises)("a row of rollcall.%s stays for %s, and no longer", async (table, age, row, prune) => {
  await pool.query(`truncate rollcall.${table} cascade`);
  const add = (at: string) => pool.query(`insert into rollcall.${table} ${row(at)}`);
  await add(`now() - interval '${age}' - interval '1 minute'`);
  await add(`now() - interval '${age}' + interval '10 minutes'`);
  await prune(pool);
  expect((await pool.query(`select from rollcall.${table}`)).rowCount).toBe(1);
  await pool.query(`truncate rollcall.${table} cascade`);
});
