import { type RunMode, type RunView, runView } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRow, readRows } from "./rows.ts";

/** The columns of `RunView`, for statements that return a run. */
export const runColumns = `
  r.id, r.mode, r.dry_run as "dryRun", r.state, r.started_by as "startedBy", r.pages, r.seen, r.total,
  jsonb_build_object(
    'created', r.created, 'linked', r.linked, 'updated', r.updated, 'unchanged', r.unchanged,
    'deleted', r.deleted, 'held', r.held, 'failed', r.failed
  ) as counts,
  r.missed, r.cancel_requested_at is not null as "cancelRequested", r.confirmed_by as "confirmedBy",
  case when r.confirmed_by is not null then (
    select jsonb_build_object('at', max(e.at), 'held', max((e.details ->> 'held')::int))
    from rollcall.events e where e.kind = 'deletions_confirmed' and e.details ->> 'runId' = r.id::text
    having count(*) > 0
  ) end as confirmation,
  r.state = 'held' and not r.dry_run and exists (
    select from rollcall.runs n
    where n.id > r.id and n.mode = 'full' and not n.dry_run and n.state in ('succeeded', 'held')
  ) as superseded,
  r.error_code as "errorCode", r.reason, r.requested_at as "requestedAt", r.started_at as "startedAt",
  r.heartbeat_at as "heartbeatAt", r.finished_at as "finishedAt"
`;

const instant = z.date().transform((date) => date.toISOString());

/** Reads a row of `runColumns` as a `RunView`. */
export const runRow = runView.extend({
  id: z.coerce.number().int(),
  requestedAt: instant,
  startedAt: instant.nullable(),
  heartbeatAt: instant.nullable(),
  finishedAt: instant.nullable(),
});

export type RunRequest = {
  mode: RunMode;
  dryRun: boolean;
  startedBy: string;
  /** See rollcall.runs. */
  watermarkMs?: number;
};

const request = `
with made as (
  insert into rollcall.runs (mode, dry_run, started_by, watermark_ms) values ($1, $2, $3, $4)
  on conflict (mode, dry_run) where state in ('waiting', 'running') do nothing
  returning *
)
select ${runColumns}, true as "isNew" from made r
union all
select ${runColumns}, false from rollcall.runs r
where r.mode = $1 and r.dry_run = $2 and r.state in ('waiting', 'running') and not exists (select from made)
`;

/** Makes a run, or finds the open one of this mode. `isNew` says which. */
export async function requestRun(
  db: Queryable,
  { mode, dryRun, startedBy, watermarkMs }: RunRequest,
): Promise<{ run: RunView; isNew: boolean }> {
  for (;;) {
    const result = await db.query(request, [mode, dryRun, startedBy, watermarkMs ?? null]);
    // Another process made a run a moment ago, and the snapshot of this statement does not show it yet.
    if (result.rows.length === 0) continue;
    const { isNew, ...run } = readRow(runRow.extend({ isNew: z.boolean() }), result.rows);
    return { run, isNew };
  }
}

const requestWhole = `
with fenced as (
  delete from rollcall.leases where name = 'full'
)
update rollcall.runs set checkpoint = null, attempts = 0 where id = $1
`;

/**
 * Requests a full run that reads every user from now on. A run that is open already begins anew: its runner loses its
 * lease, and the next one finds no checkpoint. Run it inside a transaction.
 */
export async function requestWholeSync(db: Queryable, startedBy: string): Promise<void> {
  const { run, isNew } = await requestRun(db, { mode: "full", dryRun: false, startedBy });
  if (!isNew) await db.query(requestWhole, [run.id]);
}

/** Whether a schedule ever started a run here. */
export async function hasScheduledRun(db: Queryable): Promise<boolean> {
  return (await db.query("select from rollcall.runs where started_by = 'schedule' limit 1")).rows.length > 0;
}

const requestDue = `
with latest as (
  select state, finished_at from rollcall.runs
  where mode = 'full' and not dry_run order by id desc limit 1
)
insert into rollcall.runs (mode, dry_run, started_by)
select 'full', false, case when exists (select from latest) then 'retry' else 'first-boot' end
where not exists (
  select from latest where state <> 'failed' or finished_at > now() - $1 * interval '1 millisecond'
)
on conflict (mode, dry_run) where state in ('waiting', 'running') do nothing
returning id
`;

/**
 * Makes a full run if there never was one, or if the latest one failed at least `retryAfterMs` ago. After a cancelled
 * run it makes none, because an operator decided.
 *
 * @returns whether it made a run
 */
export async function requestDueFullSync(db: Queryable, retryAfterMs: number): Promise<boolean> {
  return (await db.query(requestDue, [retryAfterMs])).rows.length > 0;
}

/** Whether a full run that writes is requested or under way. */
export async function hasOpenFullSync(db: Queryable): Promise<boolean> {
  const result = await db.query(
    `select from rollcall.runs
     where mode = 'full' and not dry_run and state in ('waiting', 'running') limit 1`,
  );
  return result.rows.length > 0;
}

/** Finds a run by its id. */
export async function findRun(db: Queryable, id: number): Promise<RunView | undefined> {
  const result = await db.query(`select ${runColumns} from rollcall.runs r where r.id = $1`, [id]);
  return readRows(runRow, result.rows)[0];
}

/** Runs, newest first, `limit` of them below `beforeId`. With a mode it lists only runs of this mode, and with `dryRun` only dry runs or none. */
export async function listRuns(
  db: Queryable,
  page: { mode?: RunMode | undefined; dryRun?: boolean; beforeId: string | undefined; limit: number },
): Promise<RunView[]> {
  const result = await db.query(
    `select ${runColumns} from rollcall.runs r
     where ($1::text is null or r.mode = $1) and ($2::bigint is null or r.id < $2::bigint)
       and ($4::boolean is null or r.dry_run = $4)
     order by r.id desc limit $3`,
    [page.mode ?? null, page.beforeId ?? null, page.limit, page.dryRun ?? null],
  );
  return readRows(runRow, result.rows);
}

const reset = `
update rollcall.runs set
  pages = 0, seen = 0, missed = 0,
  created = 0, linked = 0, updated = 0, unchanged = 0, deleted = 0, held = 0, failed = 0
where id = $1
`;

/** Resets the counts of a run that starts again. */
export async function resetRun(db: Queryable, id: number): Promise<void> {
  await db.query(reset, [id]);
}

/** Whether no later full run is complete. */
export async function isNewestComplete(db: Queryable, id: number): Promise<boolean> {
  const result = await db.query(
    `select from rollcall.runs
     where id > $1 and mode = 'full' and not dry_run and state in ('succeeded', 'held') limit 1`,
    [id],
  );
  return result.rows.length === 0;
}

/** The run whose deletions an operator may confirm now; null without one. */
export async function findHeldRun(db: Queryable): Promise<number | null> {
  const result = await db.query(
    `select id::int, state from rollcall.runs
     where mode = 'full' and not dry_run and state in ('succeeded', 'held') order by id desc limit 1`,
  );
  const [newest] = readRows(z.object({ id: z.number(), state: z.string() }), result.rows);
  return newest?.state === "held" ? newest.id : null;
}

const prune = `
delete from rollcall.runs where id in (
  select id from rollcall.runs
  where finished_at < now() - case mode when 'catch-up' then interval '7 days' else interval '90 days' end
  order by id limit 1000
)`;

/** Deletes full runs after 90 days. Incremental runs go after a week, because there is one a minute. */
export async function pruneRuns(db: Queryable): Promise<void> {
  await db.query(prune);
}

const ages = `
select m.mode, extract(epoch from now() - coalesce(
  (select max(r.finished_at) from rollcall.runs r
   where r.mode = m.mode and r.state in ('succeeded', 'held') and not r.dry_run),
  (select min(applied_at) from rollcall.migrations)
))::float8 as seconds
from (values ('full'), ('catch-up')) as m (mode)
`;

/** Seconds since the last complete run of each mode, or since the tables were made. */
export async function readRunAges(db: Queryable): Promise<{ mode: string; seconds: number }[]> {
  const result = await db.query(ages);
  return readRows(z.object({ mode: z.string(), seconds: z.number() }), result.rows);
}
