import { z } from "zod";
import { type CreationRange, createdWithin } from "./drift.ts";
import type { Queryable } from "./pool.ts";
import { readRow, readRows } from "./rows.ts";
import { perTables } from "./tables.ts";

/**
 * A page of the full sync: the ids of its users, and its range of creation times. The range starts after the last user
 * of the page before (null for the first page) and ends with the page's own last user (null for the last page).
 */
export type FullSyncPage = CreationRange & { clerkIds: readonly string[] };

const addMissing = perTables(
  ({ users: u }) => `
insert into rollcall.deletion_candidates (run_id, clerk_id)
select $1, u.${u.clerkId} from ${u.rows} u
where u.${u.deletedAt} is null and u.${u.clerkId} <> all ($2::text[]) and ${createdWithin("$3", "$4")}
on conflict do nothing
`,
);

const clear = "delete from rollcall.deletion_candidates where run_id = $1 and clerk_id = any ($2::text[])";

/**
 * Makes candidates of the live rows in the page's range that the page lacks, and clears the candidates that it has.
 * Users of one millisecond may be spread over two pages: the first page makes candidates of them, the next one clears
 * them.
 */
export async function addMissingCandidates(db: Queryable, runId: number, page: FullSyncPage): Promise<void> {
  const { clerkIds, afterMs, untilMs } = page;
  await db.query(clear, [runId, clerkIds]);
  await db.query(addMissing(db), [runId, clerkIds, afterMs, untilMs]);
}

const undated = perTables(
  ({ users: u }) => `
insert into rollcall.deletion_candidates (run_id, clerk_id)
select $1, ${u.clerkId} from ${u.from} where ${u.deletedAt} is null and clerk_created_at is null
on conflict do nothing
`,
);

/** Makes candidates of the live rows without a creation time, which no page's range contains. */
export async function addUndatedCandidates(db: Queryable, runId: number): Promise<void> {
  await db.query(undated(db), [runId]);
}

const idRow = z.object({ clerkId: z.string() });

/** Candidates for which Clerk was not asked yet. */
export async function listCandidates(db: Queryable, runId: number, limit: number): Promise<string[]> {
  const result = await db.query(
    `select clerk_id as "clerkId" from rollcall.deletion_candidates
     where run_id = $1 and not is_absent order by clerk_id collate "C" limit $2`,
    [runId, limit],
  );
  return readRows(idRow, result.rows).map(({ clerkId }) => clerkId);
}

/** Records Clerk's answer: Clerk lacks the users in `absent`. The users in `present` are no candidates any more. */
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

/** The number of a run's candidates that Clerk lacks. */
export async function countAbsent(db: Queryable, runId: number): Promise<number> {
  const result = await db.query(
    "select count(*)::int as count from rollcall.deletion_candidates where run_id = $1 and is_absent",
    [runId],
  );
  return readRow(z.object({ count: z.number() }), result.rows).count;
}

/** Ids of a run's absent candidates in order, after `afterId`. */
export async function listAbsent(
  db: Queryable,
  runId: number,
  afterId: string,
  limit: number,
): Promise<string[]> {
  const result = await db.query(
    `select clerk_id as "clerkId" from rollcall.deletion_candidates
     where run_id = $1 and is_absent and clerk_id collate "C" > $2 order by clerk_id collate "C" limit $3`,
    [runId, afterId, limit],
  );
  return readRows(idRow, result.rows).map(({ clerkId }) => clerkId);
}

/** Deletes the candidates of a run, those among organizations and memberships too. */
export async function dropCandidates(db: Queryable, runId: number): Promise<void> {
  for (const table of candidateTables(db)) await db.query(`delete from ${table} where run_id = $1`, [runId]);
}

/** Deletes the candidates of a run among users. */
export async function dropUserCandidates(db: Queryable, runId: number): Promise<void> {
  await db.query("delete from rollcall.deletion_candidates where run_id = $1", [runId]);
}

/**
 * Deletes the candidates of earlier runs once this run has compared every user. It supersedes a held run. A dry run may
 * still be under way, and keeps its candidates.
 */
export async function dropCandidatesOfEarlierRuns(db: Queryable, runId: number): Promise<void> {
  for (const table of candidateTables(db))
    await db.query(
      `delete from ${table} s using rollcall.runs r
       where r.id = s.run_id and r.id < $1 and r.finished_at is not null`,
      [runId],
    );
}

const candidateTables = ({ tables }: Queryable) => [
  "rollcall.deletion_candidates",
  ...(tables.organizations ? ["rollcall.organization_candidates"] : []),
];

const ended = `
where run_id = any (
  array(select id from rollcall.runs where mode = 'full' and finished_at is not null and state <> 'held')
)`;

/**
 * Deletes the candidates of ended runs. A runner does this when it ends its run. After a crash the api may cancel the
 * run instead, and its role may not write candidates.
 */
export async function dropCandidatesOfEndedRuns(db: Queryable): Promise<void> {
  for (const table of candidateTables(db)) await db.query(`delete from ${table} ${ended}`);
}
