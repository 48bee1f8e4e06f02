import type { Queryable } from "../pool.ts";
import { type CreationRange, createdWithin } from "./creation-range.ts";

/**
 * A page of a sweep: its users' ids, and the range from behind the page before's last user (null for the first page)
 * to its own last one (null when the page is the last one).
 */
export type FullSyncPage = CreationRange & { clerkIds: readonly string[] };

const suspect = `
insert into rollcall.deletion_candidates (run_id, clerk_id)
select $1, u.clerk_id from public.users u
where u.deleted_at is null and u.clerk_id <> all ($2::text[]) and ${createdWithin("$3", "$4")}
on conflict do nothing
`;

const clear = "delete from rollcall.deletion_candidates where run_id = $1 and clerk_id = any ($2::text[])";

/**
 * Suspects our live rows of the page's range that the page lacks, and clears those that it has. Users created in
 * one millisecond may be spread over pages: they are suspected by the first and cleared by the next.
 */
export async function addMissingCandidates(db: Queryable, runId: number, page: FullSyncPage): Promise<void> {
  const { clerkIds, afterMs, untilMs } = page;
  await db.query({ name: "clear-candidates", text: clear, values: [runId, clerkIds] });
  await db.query({
    name: "add-missing-candidates",
    text: suspect,
    values: [runId, clerkIds, afterMs, untilMs],
  });
}

const undated = `
insert into rollcall.deletion_candidates (run_id, clerk_id)
select $1, clerk_id from public.users where deleted_at is null and clerk_created_at is null
on conflict do nothing
`;

/** Suspects our live rows that no page's range can hold, because nobody knows when they were created. */
export async function addUndatedCandidates(db: Queryable, runId: number): Promise<void> {
  await db.query(undated, [runId]);
}

/** Suspects about whom Clerk was not asked yet. */
export async function listCandidates(db: Queryable, runId: number, limit: number): Promise<string[]> {
  const result = await db.query<{ clerkId: string }>(
    `select clerk_id as "clerkId" from rollcall.deletion_candidates
     where run_id = $1 and not is_absent order by clerk_id collate "C" limit $2`,
    [runId, limit],
  );
  return result.rows.map(({ clerkId }) => clerkId);
}

/** Notes Clerk's answer: those in `absent` are gone, those in `present` are no candidates any more. */
export async function decideCandidates(
  db: Queryable,
  runId: number,
  { absent, present }: { absent: readonly string[]; present: readonly string[] },
): Promise<void> {
  await db.query(clear, [runId, present]);
  await db.query(
    "update rollcall.deletion_candidates set is_absent = true where run_id = $1 and clerk_id = any ($2::text[])",
    [runId, absent],
  );
}

/** How many of a run's candidates Clerk does not have. */
export async function countAbsent(db: Queryable, runId: number): Promise<number> {
  const result = await db.query<{ count: number }>(
    "select count(*)::int as count from rollcall.deletion_candidates where run_id = $1 and is_absent",
    [runId],
  );
  return result.rows[0]?.count ?? 0;
}

/** Ids of a run's absent candidates in order, from above `afterId`. */
export async function listAbsent(
  db: Queryable,
  runId: number,
  afterId: string,
  limit: number,
): Promise<string[]> {
  const result = await db.query<{ clerkId: string }>(
    `select clerk_id as "clerkId" from rollcall.deletion_candidates
     where run_id = $1 and is_absent and clerk_id collate "C" > $2 order by clerk_id collate "C" limit $3`,
    [runId, afterId, limit],
  );
  return result.rows.map(({ clerkId }) => clerkId);
}

/** Forgets whom a run suspected. */
export async function dropCandidates(db: Queryable, runId: number): Promise<void> {
  await db.query("delete from rollcall.deletion_candidates where run_id = $1", [runId]);
}

/**
 * Forgets whom earlier runs suspected, once this one has looked at everybody: a held run is superseded. A dry run may
 * be under way beside it.
 */
export async function dropCandidatesOfEarlierRuns(db: Queryable, runId: number): Promise<void> {
  await db.query(
    `delete from rollcall.deletion_candidates s using rollcall.runs r
     where r.id = s.run_id and r.id < $1 and r.finished_at is not null`,
    [runId],
  );
}

const ended = `
delete from rollcall.deletion_candidates where run_id = any (
  array(select id from rollcall.runs where mode = 'full' and finished_at is not null and state <> 'held')
)`;

/**
 * Forgets whom ended runs suspected. A runner does so as it ends its run, but one that died cannot; and the api, which
 * then cancels the run, may write no candidates under its role.
 */
export async function dropCandidatesOfEndedRuns(db: Queryable): Promise<void> {
  await db.query(ended);
}
