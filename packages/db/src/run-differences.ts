import { type HeldDeletion, heldDeletion, type RunDifference, runDifference } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRow, readRows } from "./rows.ts";
import { perTables } from "./tables.ts";

/** What a dry run would change. `clerkId`: of a membership, its `nameMembership`. `readSequence` is null for a deletion. */
export type FoundDifference = Omit<RunDifference, "name" | "clerkOrgId"> & { readSequence: number | null };

/** The most differences that a dry run keeps. They are some 5 MB. */
export const mostDifferences = 50_000;
/** Older dry runs keep their counts alone. */
const keptRuns = 3;

const record = `
insert into rollcall.run_differences (run_id, number, clerk_id, kind, code, read_ticket)
select $1, place, clerk_id, kind, code, read_ticket
from unnest($2::text[], $3::text[], $4::text[], $5::bigint[])
  with ordinality as found (clerk_id, kind, code, read_ticket, place)
`;

const removeOlder = `
delete from rollcall.run_differences where run_id not in (
  select distinct run_id from rollcall.run_differences order by run_id desc limit ${keptRuns}
)
`;

/**
 * Stores what a dry run found, in place of what an earlier runner of the same run stored, and removes the differences of
 * old dry runs. Run it in the transaction that holds the lease.
 */
export async function recordDifferences(
  db: Queryable,
  runId: number,
  found: readonly FoundDifference[],
): Promise<void> {
  await db.query("delete from rollcall.run_differences where run_id = $1", [runId]);
  await db.query(record, [
    runId,
    found.map(({ clerkId }) => clerkId),
    found.map(({ kind }) => kind),
    found.map(({ code }) => code),
    found.map(({ readSequence }) => readSequence),
  ]);
  await db.query(removeOlder);
}

const differencesOfRun = perTables(
  ({ users: u }) => `
select d.clerk_id as "clerkId", ${u.shownName} as name, d.kind, d.code, d.number
from rollcall.run_differences d left join ${u.rows} u on u.${u.clerkId} = d.clerk_id
where d.run_id = $1 and d.number > $2::bigint order by d.number limit $3
`,
);

/** Differences of a run in their order, after the number `after`. */
export async function listDifferences(
  db: Queryable,
  runId: number,
  page: { after: string | undefined; limit: number },
): Promise<{ items: RunDifference[]; nextCursor: string | null }> {
  const result = await db.query(differencesOfRun(db), [runId, page.after ?? "0", page.limit]);
  const rows = readRows(runDifference.extend({ number: z.number() }), result.rows);
  const last = rows.length === page.limit ? rows.at(-1) : undefined;
  return {
    items: rows.map(({ number: _, ...difference }) => splitPair(difference)),
    nextCursor: last ? String(last.number) : null,
  };
}

const differencesOfKinds = perTables(
  ({ users: u }) => `
select d.clerk_id as "clerkId", ${u.shownName} as name, d.kind, d.code
from rollcall.run_differences d left join ${u.rows} u on u.${u.clerkId} = d.clerk_id
where d.run_id = $1 and d.kind = any ($2::text[]) order by d.number limit $3
`,
);

/** The first differences of a dry run that have one of the kinds, in their order. */
export async function listDifferencesOfKinds(
  db: Queryable,
  runId: number,
  kinds: readonly RunDifference["kind"][],
  limit: number,
): Promise<RunDifference[]> {
  const { rows } = await db.query(differencesOfKinds(db), [runId, kinds, limit]);
  return readRows(runDifference, rows).map(splitPair);
}

/** A membership is stored under `nameMembership`. */
function splitPair(difference: RunDifference): RunDifference {
  const [, clerkOrgId, clerkId] = /^(org_\S+) (\S+)$/.exec(difference.clerkId) ?? [];
  return clerkId === undefined ? difference : { ...difference, clerkOrgId, clerkId };
}

/** The number of differences that a run still has. */
export async function countDifferences(db: Queryable, runId: number): Promise<number> {
  const result = await db.query(
    "select count(*)::int as count from rollcall.run_differences where run_id = $1",
    [runId],
  );
  return readRow(z.object({ count: z.number() }), result.rows).count;
}

/** The newest complete dry run over all users; null without one. */
export async function findNewestDryRun(db: Queryable): Promise<number | null> {
  const result = await db.query(
    `select max(id)::int as id from rollcall.runs
     where mode = 'full' and dry_run and state in ('succeeded', 'held')`,
  );
  return readRow(z.object({ id: z.number().nullable() }), result.rows).id;
}

const heldOfRun = perTables(
  ({ users: u }) => `
select d.clerk_id as "clerkId", ${u.shownName} as name, u.${u.email}::text as email, coalesce(h.held_at, r.finished_at, now()) as "heldAt"
from rollcall.deletion_candidates d
join rollcall.runs r on r.id = d.run_id
left join rollcall.held_deletions h on h.clerk_id = d.clerk_id
left join ${u.rows} u on u.${u.clerkId} = d.clerk_id
where d.run_id = $1 and d.is_absent and r.state = 'held' and not r.dry_run and d.clerk_id collate "C" > $2
order by d.clerk_id collate "C" limit $3
`,
);

const heldRow = heldDeletion.extend({ heldAt: z.date().transform((date) => date.toISOString()) });

/** Users whose deletion a run holds, in the order of their Clerk ids, after `afterId`. */
export async function listHeldOfRun(
  db: Queryable,
  runId: number,
  afterId: string,
  limit: number,
): Promise<HeldDeletion[]> {
  return readRows(heldRow, (await db.query(heldOfRun(db), [runId, afterId, limit])).rows);
}
