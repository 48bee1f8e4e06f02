import type { Queryable } from "../pool.ts";
import { matchesOfUser } from "./matches.ts";

/**
 * Looks at open conflicts again. One that has nothing to decide any more is settled: the user is gone or has
 * one of the candidates, or no candidate is left. Otherwise reason and candidates follow what is true now. An
 * existing link is never moved: what would be a clean link now is `linkable`, for a person to decide. A match
 * through a secondary email is judged by its candidates alone, since the row does not know those addresses.
 */
const sql = `
with judged as materialized (
  select c.id, u.clerk_id, c.reason as old_reason, c.candidate_ids as old_candidate_ids,
    case
      when u.deleted_at is not null or own.id = any (c.candidate_ids) then null
      when m.decision is null and c.reason = 'secondary_email' and cardinality(left_over.ids) > 0 then 'secondary_email'
      when m.decision = 'link' then 'linkable'
      else m.decision
    end as reason,
    case when m.decision is null then left_over.ids else m.candidate_ids end as candidate_ids
  from rollcall.conflicts c
  join (select *, '{}'::text[] as secondary_emails from public.users) u on u.id = c.user_id
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
    state         = case when j.reason is null then 'settled' else 'open' end,
    closed_at     = case when j.reason is null then now() end,
    reason        = coalesce(j.reason, c.reason),
    candidate_ids = case when j.reason is null then c.candidate_ids else j.candidate_ids end,
    evaluated_at     = now()
  from judged j
  where c.id = j.id and (j.reason, j.candidate_ids) is distinct from (j.old_reason, j.old_candidate_ids)
  returning c.id, j.clerk_id, j.reason, c.candidate_ids
)
insert into rollcall.events (clerk_id, kind, cause, details)
select clerk_id, case when reason is null then 'conflict_settled' else 'conflict_changed' end, $4,
       jsonb_build_object('conflictId', id, 'reason', reason, 'candidateIds', candidate_ids)
from changed
`;

/** The app deleted the user's row: no id at Clerk is left whose timeline could tell of it. */
const settleWithoutUser = `
update rollcall.conflicts c set state = 'settled', closed_at = now(), evaluated_at = now()
where c.state = 'open' and not exists (select from public.users u where u.id = c.user_id)
`;

export type ConflictScope = {
  userIds?: readonly number[];
  /** Profiles that just got a user. */
  candidateIds?: readonly number[];
  /** Folded emails whose claimants may be fewer now. */
  foldedEmails?: readonly string[];
};

/** Judges the open conflicts that touch `scope`, or all of them without one, those without a user among them. */
export async function evaluateConflicts(db: Queryable, cause: string, scope?: ConflictScope): Promise<void> {
  if (!scope) await db.query(settleWithoutUser);
  await db.query(sql, [
    scope ? (scope.userIds ?? []) : null,
    scope?.candidateIds ?? [],
    scope?.foldedEmails ?? [],
    cause,
  ]);
}
