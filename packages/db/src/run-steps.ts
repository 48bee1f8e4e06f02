import type { ErrorCode, RunCounts, RunState, RunView } from "@rollcall/contracts";
import { z } from "zod";
import { holdStatement, type Lease, leaseValues } from "./leases.ts";
import type { Pool, Queryable } from "./pool.ts";
import { readRow, readRows } from "./rows.ts";
import { runColumns, runRow } from "./runs.ts";
import { rerun } from "./transaction.ts";

/** A run as its runner needs it. */
export type OpenRun = {
  view: RunView;
  /** The last stored checkpoint; null without one. */
  checkpoint: unknown;
  /** The number of runners since the last checkpoint, this one included. */
  attempts: number;
  /** Another runner worked on it before. */
  isResumed: boolean;
};

const take = `
with before as materialized (select id, started_at from rollcall.runs where id = $1 for update)
update rollcall.runs r set
  state = 'running', started_at = coalesce(r.started_at, now()), heartbeat_at = now(), attempts = r.attempts + 1
from before
where r.id = before.id and r.state in ('waiting', 'running')
returning ${runColumns}, r.checkpoint, r.attempts, before.started_at is not null as "isResumed"
`;

const taken = runRow.extend({
  checkpoint: z.unknown(),
  attempts: z.number().int(),
  isResumed: z.boolean(),
});

/** Starts or resumes a run. Hold its lease first. @returns undefined if the run is over */
export async function takeRun(db: Queryable, id: number): Promise<OpenRun | undefined> {
  const result = await db.query(take, [id]);
  if (result.rows.length === 0) return undefined;
  const { checkpoint, attempts, isResumed, ...view } = readRow(taken, result.rows);
  return { view, checkpoint, attempts, isResumed };
}

/** The values that a step adds to the row of a run. */
export type RunProgress = {
  pages?: number;
  seen?: number;
  missed?: number;
  counts?: Partial<RunCounts>;
  /** Set, not added. */
  total?: number;
};

const advance = (from: string) => `
update rollcall.runs r set
  pages     = r.pages + $3,     seen      = r.seen + $4,      missed = r.missed + $5,
  created   = r.created + $6,   linked    = r.linked + $7,    updated = r.updated + $8,
  unchanged = r.unchanged + $9, deleted   = r.deleted + $10,  held = r.held + $11,  failed = r.failed + $12,
  total = coalesce($13, r.total), checkpoint = $2, heartbeat_at = now(),
  -- An empty checkpoint is none: the next runner starts again.
  attempts = case when $2::jsonb = '{}' then r.attempts else 0 end
${from}where r.id = $1 and r.state = 'running'
returning ${runColumns}
`;

const advanceAlone = advance("");

/** The lease is held before the run is locked, in the order of the transactions that do both. */
const advanceFenced = `
with held as (${holdStatement(14)})
${advance("from held ")}
`;

function advanceValues(
  id: number,
  checkpoint: unknown,
  { pages = 0, seen = 0, missed = 0, counts = {}, total }: RunProgress,
): unknown[] {
  const { created = 0, linked = 0, updated = 0, unchanged = 0, deleted = 0, held = 0, failed = 0 } = counts;
  const sums = [pages, seen, missed, created, linked, updated, unchanged, deleted, held, failed];
  return [id, JSON.stringify(checkpoint), ...sums, total ?? null];
}

/**
 * Stores the progress of a run. Run it in the transaction that holds the lease.
 *
 * @returns undefined if the run is over
 */
export async function advanceRun(
  db: Queryable,
  id: number,
  checkpoint: unknown,
  progress: RunProgress,
): Promise<RunView | undefined> {
  const values = advanceValues(id, checkpoint, progress);
  const result = await db.query({ name: "advance-run", text: advanceAlone, values });
  return readRows(runRow, result.rows)[0];
}

/**
 * Does the same with the fence, in one statement: for a step that writes nothing else.
 *
 * @returns undefined if the run is over, or if the lease expired or another process holds it
 */
export function advanceFencedRun(
  pool: Pool,
  lease: Lease,
  id: number,
  checkpoint: unknown,
  progress: RunProgress,
): Promise<RunView | undefined> {
  const values = [...advanceValues(id, checkpoint, progress), ...leaseValues(lease)];
  return rerun(async () => {
    const result = await pool.query({ name: "advance-fenced-run", text: advanceFenced, values });
    return readRows(runRow, result.rows)[0];
  });
}

const beat = `
update rollcall.runs set heartbeat_at = now() where id = $1 and state = 'running'
returning cancel_requested_at is not null as "isCancelled"
`;

/** Records that the runner is alive. @returns whether it must stop; undefined if the run is over */
export async function beatRun(db: Queryable, id: number): Promise<{ isCancelled: boolean } | undefined> {
  const result = await db.query<{ isCancelled: boolean }>(beat, [id]);
  return result.rows[0];
}

const end = `
update rollcall.runs r set
  state = $2, error_code = $3,
  -- The reason of a cancelled run already names the operator.
  reason = case $2 when 'cancelled' then r.reason else $4 end,
  finished_at = now(), heartbeat_at = now(), checkpoint = null
where r.id = $1 and r.state = 'running'
returning ${runColumns}
`;

/** The end of a run, with a reason if it is no success. */
export type RunEnd = { state: RunState; errorCode?: ErrorCode; reason?: string };

/** Ends a run. Run it in the transaction that holds the lease. @returns undefined if it was over already */
export async function endRun(
  db: Queryable,
  id: number,
  { state, errorCode, reason }: RunEnd,
): Promise<RunView | undefined> {
  const result = await db.query(end, [id, state, errorCode ?? null, reason ?? null]);
  return readRows(runRow, result.rows)[0];
}

// A run without a runner ends at once, also when the runner died after an earlier request. A runner reads the request at
// its next heartbeat. The reason keeps the first operator.
const cancel = `
update rollcall.runs r set
  cancel_requested_at = coalesce(r.cancel_requested_at, now()),
  state               = case when runner.is_alive then r.state else 'cancelled' end,
  finished_at         = case when not runner.is_alive then now() end,
  reason              = case when r.cancel_requested_at is null then $2 else r.reason end
from (
  select exists (
    select from rollcall.leases l join rollcall.runs o on l.name = o.mode || case when o.dry_run then '.dry-run' else '' end
    where o.id = $1 and o.state = 'running' and l.expires_at > now()
  ) as is_alive
) runner
where r.id = $1 and r.state in ('waiting', 'running') and (r.cancel_requested_at is null or not runner.is_alive)
returning ${runColumns}
`;

/**
 * Requests the end of a run.
 *
 * @returns undefined if there is no such run, if it is over, or if a living runner has the request already
 */
export async function cancelOpenRun(db: Queryable, id: number, by: string): Promise<RunView | undefined> {
  const result = await db.query(cancel, [id, `Cancelled by ${by}`]);
  return readRows(runRow, result.rows)[0];
}

const recordOperator = `
update rollcall.runs r set confirmed_by = $2
where r.id = $1 and r.state = 'held' and not r.dry_run
returning ${runColumns}
`;

/** Locks a run until the end of the transaction. Two operators then decide one after the other. */
export async function lockRun(db: Queryable, id: number): Promise<RunView | undefined> {
  const result = await db.query(`select ${runColumns} from rollcall.runs r where r.id = $1 for update of r`, [
    id,
  ]);
  return readRows(runRow, result.rows)[0];
}

/** Records the operator that confirms the deletions of a held run. @returns undefined if the run holds none */
export async function noteConfirmation(db: Queryable, id: number, by: string): Promise<RunView | undefined> {
  const result = await db.query(recordOperator, [id, by]);
  return readRows(runRow, result.rows)[0];
}

const confirm = `
update rollcall.runs r set
  deleted = r.deleted + $2, held = r.held - $3, confirmed_by = $4, failed = r.failed + $5,
  state = case when r.held - $3 = 0 then 'succeeded' else r.state end
where r.id = $1 and r.state = 'held'
returning ${runColumns}
`;

/** Records for a held run how many deletions were carried out, were refused, and are no longer open (`decided`). */
export async function confirmHeldRun(
  db: Queryable,
  id: number,
  { deleted, failed, decided, by }: { deleted: number; failed: number; decided: number; by: string },
): Promise<RunView | undefined> {
  const result = await db.query(confirm, [id, deleted, decided, by, failed]);
  return readRows(runRow, result.rows)[0];
}

const idle = `
select ${runColumns} from rollcall.runs r
where r.state in ('waiting', 'running') and coalesce(r.heartbeat_at, r.requested_at) < now() - $1 * interval '1 millisecond'
  and not exists (
    select from rollcall.leases l
    where l.name = r.mode || case when r.dry_run then '.dry-run' else '' end and l.expires_at > now()
  )
order by r.id
`;

/** Open runs without a living runner, whose last heartbeat is older than `silentForMs`. */
export async function listIdleRuns(db: Queryable, silentForMs: number): Promise<RunView[]> {
  const result = await db.query(idle, [silentForMs]);
  return readRows(runRow, result.rows);
}
