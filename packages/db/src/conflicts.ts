import { type ConflictView, conflictView, type NamedConflict, namedConflict } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { matchesOfUser } from "./profiles.ts";
import { readRows } from "./rows.ts";

const columns = `
  c.id::int as "id", u.clerk_id as "clerkId", c.user_id as "userId", c.reason, c.candidate_ids as "candidateIds",
  c.profile_id as "profileId", c.state, c.opened_at as "openedAt", c.evaluated_at as "evaluatedAt",
  c.closed_at as "closedAt", c.closed_by as "closedBy"
`;

const instant = z.date().transform((date) => date.toISOString());
const row = conflictView.extend({ openedAt: instant, evaluatedAt: instant, closedAt: instant.nullable() });

type Page = { state: string; beforeId: string | undefined; limit: number };

/** Conflicts of one state, newest first, `limit` of them below `beforeId`. */
export async function listConflicts(db: Queryable, page: Page): Promise<ConflictView[]> {
  return (await listNamedConflicts(db, page)).map(({ name: _, ...conflict }) => conflict);
}

/** The same with the names of the users. */
export async function listNamedConflicts(db: Queryable, page: Page): Promise<NamedConflict[]> {
  if (!db.tables.profile) return [];
  const result = await db.query(
    `select ${columns}, u.name::text from rollcall.conflicts c join public.users u on u.id = c.user_id
     where c.state = $1 and ($2::bigint is null or c.id < $2::bigint)
     order by c.id desc limit $3`,
    [page.state, page.beforeId ?? null, page.limit],
  );
  return readRows(row.extend({ name: namedConflict.shape.name }), result.rows);
}

/** Finds a conflict whose user has a row. */
export async function findConflict(db: Queryable, id: number): Promise<ConflictView | undefined> {
  const result = await db.query(
    `select ${columns} from rollcall.conflicts c join public.users u on u.id = c.user_id where c.id = $1`,
    [id],
  );
  return readRows(row, result.rows)[0];
}

/** The newest 50 conflicts of a user, newest first. */
export async function listConflictsOfUser(db: Queryable, clerkId: string): Promise<ConflictView[]> {
  if (!db.tables.profile) return [];
  const result = await db.query(
    `select ${columns} from rollcall.conflicts c join public.users u on u.id = c.user_id
     where u.clerk_id = $1 order by c.id desc limit 50`,
    [clerkId],
  );
  return readRows(row, result.rows);
}

/**
 * Evaluates open conflicts again. A conflict is settled if nothing is left to decide: its user is deleted or has one of
 * the candidates, or no candidate is left. Otherwise reason and candidates follow the present rows. An existing link is
 * never moved. Where a clean link became possible, the reason is `linkable`, and an operator decides. A match through a
 * secondary email, or another spelling, is evaluated by its candidates alone, because the row lacks those addresses.
 */
const evaluate = `
with evaluated as materialized (
  select c.id, u.clerk_id, c.reason as old_reason, c.candidate_ids as old_candidate_ids,
    case
      when u.deleted_at is not null or own.id = any (c.candidate_ids) then null
      when m.decision is null and c.reason in ('secondary_email', 'similar_email') and cardinality(left_over.ids) > 0
        then c.reason
      when m.decision = 'link' then 'linkable'
      else m.decision
    end as reason,
    case when m.decision is null then left_over.ids else m.candidate_ids end as candidate_ids
  from rollcall.conflicts c
  join (select *, '{}'::text[] as secondary_emails, '{}'::text[] as similar_emails from public.users) u on u.id = c.user_id
  left join public.mentorados own on own.user_id = u.id
  cross join lateral (
    select array(select m.id from public.mentorados m where m.id = any (c.candidate_ids) and m.user_id is null) as ids
  ) left_over
  cross join ${matchesOfUser} m
  where c.state = 'open'
    and ($1::integer[] is null
      or c.user_id = any ($1)
      or c.candidate_ids && $2::integer[]
      or rollcall.fold_email(u.email::text) = any ($3::text[]))
),
changed as (
  update rollcall.conflicts c set
    state         = case when e.reason is null then 'settled' else 'open' end,
    closed_at     = case when e.reason is null then now() end,
    reason        = coalesce(e.reason, c.reason),
    candidate_ids = case when e.reason is null then c.candidate_ids else e.candidate_ids end,
    evaluated_at  = now()
  from evaluated e
  where c.id = e.id and (e.reason, e.candidate_ids) is distinct from (e.old_reason, e.old_candidate_ids)
  returning c.id, e.clerk_id, e.reason, c.candidate_ids
)
insert into rollcall.events (clerk_id, kind, cause, details)
select clerk_id, case when reason is null then 'conflict_settled' else 'conflict_changed' end, $4,
       jsonb_build_object('conflictId', id, 'reason', reason, 'candidateIds', candidate_ids)
from changed
`;

/** Conflicts whose user's row the app deleted. No Clerk id is left, so they get no event. */
const settleWithoutUser = `
update rollcall.conflicts c set state = 'settled', closed_at = now(), evaluated_at = now()
where c.state = 'open' and not exists (select from public.users u where u.id = c.user_id)
`;

export type ConflictScope = {
  userIds?: readonly (number | string)[];
  /** Profiles that just got a user. */
  candidateIds?: readonly number[];
  /** Folded emails that may have fewer claimants now. */
  foldedEmails?: readonly string[];
};

/** Evaluates the open conflicts that touch `scope`. Without a scope it evaluates all, also those without a user. */
export async function evaluateConflicts(db: Queryable, cause: string, scope?: ConflictScope): Promise<void> {
  // Conflicts are about profiles.
  if (!db.tables.profile) return;
  if (!scope) await db.query(settleWithoutUser);
  await db.query(evaluate, [
    scope ? (scope.userIds ?? []) : null,
    scope?.candidateIds ?? [],
    scope?.foldedEmails ?? [],
    cause,
  ]);
}
