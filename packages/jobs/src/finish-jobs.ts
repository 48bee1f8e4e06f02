import type { JobJson, JobsOptions } from "bullmq";
import type pg from "pg";
import { z } from "zod";

/** A job that is done, and whether its worker takes another one under the same token. */
export type DoneJob = { id: string; token: string; fetchNext: boolean };

/** The worker that did the jobs. */
export type FinishingWorker = { queue: string; name: string | undefined; lockMs: number };

export type FinishedJobs = {
  /** Ids of the jobs that are completed now. The others are as before. */
  finished: ReadonlySet<string>;
  finishedAtMs: number;
  /** The next jobs, by the token that locks them. */
  next: ReadonlyMap<string, JobJson>;
  /** When the first delayed job is due; milliseconds since the epoch, or 0. Read only if a token got no job. */
  nextDelayedAtMs: number;
};

/**
 * Completes jobs and takes the next ones, with a few statements for all of them. BullMQ's own function runs some thirty
 * statements for each job.
 *
 * A job is left as it is when only BullMQ's function can finish it: its lock was lost, it is part of a flow, or another
 * transaction holds its row. To wait for that row might be a deadlock, because the stalled check takes many rows too.
 *
 * @throws Postgres' error; then nothing is changed
 */
export async function finishJobs(
  pool: pg.Pool,
  { queue, name, lockMs }: FinishingWorker,
  jobs: readonly DoneJob[],
): Promise<FinishedJobs> {
  const nowMs = Date.now();
  const { rows } = await pool.query("select rollcall_finish_jobs($1, $2, $3, $4, $5, $6, $7) as answer", [
    queue,
    jobs.map(({ id }) => id),
    jobs.map(({ token }) => token),
    jobs.map(({ fetchNext }) => fetchNext),
    nowMs,
    lockMs,
    name ?? null,
  ]);
  const { finished, claimed, nextDelayedAtMs } = answer.parse(rows[0]?.answer);
  return {
    finished: new Set(finished),
    finishedAtMs: nowMs,
    next: new Map(claimed.map((row) => [row.lock_token, toJobJson(row)])),
    nextDelayedAtMs: nextDelayedAtMs ?? 0,
  };
}

/** The columns of a job that a worker needs. Those of flows are missing, because Rollcall has none. */
const claimedJob = z.object({
  id: z.string(),
  name: z.string(),
  data: z.unknown(),
  opts: z.custom<JobsOptions>(),
  lock_token: z.string(),
  attempts_made: z.number(),
  attempts_started: z.number(),
  added_at_ms: z.number(),
  processed_at_ms: z.number(),
  delay_ms: z.number(),
  priority: z.number(),
  failed_reason: z.string().nullable(),
  stacktrace: z.array(z.unknown()).nullable(),
  deferred_failure: z.string().nullable(),
  processed_by: z.string().nullable(),
  dedup_id: z.string().nullable(),
  scheduler_id: z.string().nullable(),
  stalled_count: z.number(),
});

const answer = z.object({
  finished: z.array(z.string()),
  claimed: z.array(claimedJob),
  nextDelayedAtMs: z.number().nullable(),
});

/** As BullMQ's own function of this kind does. */
function toJobJson(row: z.infer<typeof claimedJob>): JobJson {
  return {
    id: row.id,
    name: row.name,
    data: JSON.stringify(row.data),
    opts: row.opts,
    progress: 0,
    attemptsMade: row.attempts_made,
    attemptsStarted: row.attempts_started,
    processedOn: row.processed_at_ms,
    timestamp: row.added_at_ms,
    delay: row.delay_ms,
    priority: row.priority,
    // BullMQ's type says that there always is one.
    failedReason: row.failed_reason as string,
    stacktrace: JSON.stringify(row.stacktrace ?? []),
    returnvalue: "null",
    stalledCounter: row.stalled_count,
    ...(row.deferred_failure !== null && { deferredFailure: row.deferred_failure }),
    ...(row.processed_by !== null && { processedBy: row.processed_by }),
    ...(row.dedup_id !== null && { deduplicationId: row.dedup_id }),
    ...(row.scheduler_id !== null && { repeatJobKey: row.scheduler_id }),
  };
}

/** The function's name and arguments, by which a check finds it. */
export const finishJobsSignature =
  "bullmq.rollcall_finish_jobs(text, text[], text[], boolean[], bigint, bigint, text)";

/**
 * Makes the function, also while workers call it. A change that the version before would not understand needs another
 * name, because workers of both run while they are replaced.
 *
 * Its order is that of BullMQ's `move_to_completed_fetch`: the row, the lock of the dedup key, the job that was added
 * meanwhile. It writes no events, because nothing reads them.
 *
 * Postgres plans the statements of a function once for each connection, perhaps while the queue was empty, and keeps the
 * plan while it grows. Such a plan may read the whole table or index for each job. So rows are found one by one by their
 * keys, or in the order of an index, and then written by their place.
 */
export const createFinishJobs = `
create or replace function bullmq.rollcall_finish_jobs(
  p_queue text, p_ids text[], p_tokens text[], p_fetches boolean[], p_now bigint, p_lock_ms bigint, p_worker text
) returns json
language plpgsql
set search_path = bullmq, pg_temp
set enable_seqscan = off
set enable_sort = off
as $$
declare
  v_ids     text[];
  v_rows    tid[];
  v_dedups  text[];
  v_tokens  text[];
  v_due     tid[];
  v_next    tid[];
  v_claimed json;
  v_delayed bigint;
begin
  -- BullMQ takes the other half of this lock when it removes the whole queue.
  perform pg_advisory_xact_lock_shared(hashtext('bullmq:finalization'), hashtext(p_queue));

  -- 'offset 0' keeps the conditions out of the subquery, which Postgres might else answer from the index of active jobs.
  select array_agg(j.id), array_agg(j.ctid), array_agg(j.dedup_id),
         array_agg(f.token order by f.at) filter (where f.fetches)
    into v_ids, v_rows, v_dedups, v_tokens
    from unnest(p_ids, p_tokens, p_fetches) with ordinality f (id, token, fetches, at)
   cross join lateral (
           select r.ctid, r.id, r.state, r.lock_token, r.parent_id, r.dedup_id
             from job r where r.queue = p_queue and r.id = f.id
           offset 0 for update skip locked
         ) j
   where j.state = 'active' and j.lock_token = f.token and j.parent_id is null
     and not exists (select from job_dependency d where d.parent_queue = p_queue and d.parent_id = f.id);

  -- In the order of the keys, as BullMQ takes the locks of jobs that are added together.
  perform pg_advisory_xact_lock(k.key)
     from (select distinct hashtext('bullmq:dedup:' || p_queue || ':' || d) as key
             from unnest(v_dedups) d where d is not null order by 1) k;

  update job
     set state = 'completed', return_value = 'null', finished_at_ms = p_now, lock_token = null,
         locked_until_ms = null, stalled_marked = false, attempts_made = attempts_made + 1
   where ctid = any (v_rows);

  -- A range in the order of the key: for an empty table, Postgres might prefer another index that begins with the queue.
  delete from dedup
   where ctid = any (array(
           select d.ctid from unnest(v_dedups) f (id)
            cross join lateral (
                    select k.ctid, k.job_id, k.expire_at_ms
                      from dedup k where k.queue = p_queue and k.dedup_id between f.id and f.id
                     order by k.dedup_id limit 1 for update
                  ) d
            where case when d.expire_at_ms is null then d.job_id = any (v_ids) else d.expire_at_ms <= p_now end));

  perform requeue_dedup_next(p_queue, n.dedup_id, p_now)
     from (select dedup_id from dedup_next where queue = p_queue and dedup_id = any (v_dedups) offset 0) n;

  -- With one of these limits, the worker asks BullMQ's function for its next job.
  if v_tokens is not null and not exists (
    select from meta where queue = p_queue and field in ('paused', 'concurrency', 'max')
  ) then
    select array_agg(d.ctid) into v_due
      from (select ctid from job
             where queue = p_queue and state = 'delayed' and process_at_ms <= p_now
             order by process_at_ms limit 1000 for update skip locked) d;
    update job set state = 'waiting', delay_ms = 0 where ctid = any (v_due);

    select array_agg(r.ctid) into v_next
      from (select ctid from job
             where queue = p_queue and state = 'waiting'
             order by priority, seq limit cardinality(v_tokens) for update skip locked) r;

    with claimed as (
      update job
         set state = 'active', lock_token = v_tokens[array_position(v_next, job.ctid)],
             locked_until_ms = p_now + p_lock_ms, processed_at_ms = p_now, processed_by = p_worker,
             attempts_started = attempts_started + 1
       where ctid = any (v_next)
      returning *
    )
    select json_agg(claimed) into v_claimed from claimed;
  end if;

  if coalesce(cardinality(v_next), 0) < cardinality(v_tokens) then
    v_delayed := next_delay(p_queue);
  end if;

  return json_build_object('finished', coalesce(v_ids, '{}'), 'claimed', coalesce(v_claimed, '[]'),
                           'nextDelayedAtMs', v_delayed);
end;
$$`;
