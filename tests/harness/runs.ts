import { withQueue } from "./calls.ts";
import type { System } from "./system.ts";
import { waitFor } from "./wait-for.ts";

export type RunRow = {
  id: number;
  mode: string;
  state: string;
  started_by: string;
  pages: number;
  seen: number;
  attempts: number;
  reason: string | null;
  counts: Record<string, number>;
};

/** The full syncs, oldest first. */
export async function readFullSyncs(system: System): Promise<RunRow[]> {
  const found = await system.db.query<RunRow>(
    `select id::int, mode, state, started_by, pages, seen, attempts, reason,
       jsonb_build_object('created', created, 'updated', updated, 'deleted', deleted, 'held', held, 'failed', failed) as counts
     from rollcall.runs where mode = 'full' order by id`,
  );
  return found.rows;
}

/** Waits until at least `least` full syncs exist and the newest one has ended. */
export function untilFullSyncEnded(system: System, least = 1, timeoutMs = 120_000): Promise<RunRow> {
  const ask = async () => {
    const runs = await readFullSyncs(system);
    const last = runs.at(-1);
    return runs.length >= least && last && last.state !== "running" && last.state !== "waiting"
      ? last
      : undefined;
  };
  return waitFor(`full sync ${least} to end`, ask, timeoutMs);
}

/** Requests a full sync as an operator does: a row and its job. @returns the run's id */
export async function requestFullSync(system: System): Promise<number> {
  const made = await system.db.query<{ id: number }>(
    "insert into rollcall.runs (mode, dry_run, started_by) values ('full', false, 'test') returning id::int",
  );
  const runId = made.rows[0]?.id ?? 0;
  await withQueue(system, "reconcile", (queue) => queue.add("full", { v: 1, mode: "full", runId }));
  return runId;
}

/** Expires the lease of a killed runner, so that the next runner takes over in seconds instead of half a minute. */
export async function letLeasesExpire(system: System): Promise<void> {
  await system.db.query("update rollcall.leases set expires_at = now()");
  await system.db.query(
    "update rollcall.runs set heartbeat_at = now() - interval '1 minute' where state = 'running'",
  );
}
