import {
  type ConflictView,
  conflictView,
  type NamedConflict,
  namedConflict,
  type RowKey,
} from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import type { ProfileTable } from "./profile-columns.ts";
import { matchesOfUser } from "./profiles.ts";
import { selectAs } from "./quote-name.ts";
import { readRows } from "./rows.ts";
import { perProfile, type Tables } from "./tables.ts";

const conflictsOf = perProfile((profile, tables) => {
  const { users: u } = tables;
  const { stored } = profile;
  const columns = `
  c.id::int as "id", u.${u.clerkId} as "clerkId", c.${stored.userId} as "userId", c.reason, c.${stored.candidateIds} as "candidateIds",
  c.${stored.profileId} as "profileId", c.state, c.opened_at as "openedAt", c.evaluated_at as "evaluatedAt",
  c.closed_at as "closedAt", c.closed_by as "closedBy"`;
  const from = `from rollcall.conflicts c join ${u.rows} u on u.${u.id} = ${stored.user.read(`c.${stored.userId}`)}`;
  return {
    list: `select ${columns}, ${u.shownName} as name ${from}
     where c.state = $1 and ($2::bigint is null or c.id < $2::bigint)
     order by c.id desc limit $3`,
    find: `select ${columns} ${from} where c.id = $1`,
    ofUser: `select ${columns} ${from}
     where u.${u.clerkId} = $1 order by c.id desc limit 50`,
    evaluate: evaluate(profile, tables),
    /** Conflicts whose user's row the app deleted. No Clerk id is left, so they get no event. */
    settleWithoutUser: `
update rollcall.conflicts c set state = 'settled', closed_at = now(), evaluated_at = now()
where c.state = 'open' and not exists (select from ${u.rows} u where u.${u.id} = ${stored.user.read(`c.${stored.userId}`)})
`,
  };
});

const instant = z.date().transform((date) => date.toISOString());
const row = conflictView.extend({ openedAt: instant, evaluatedAt: instant, closedAt: instant.nullable() });

type Page = { state: string; beforeId: string | undefined; limit: number };

/** Conflicts of one state, newest first, `limit` of them below `beforeId`. */
export async function listConflicts(db: Queryable, page: Page): Promise<ConflictView[]> {
  return (await listNamedConflicts(db, page)).map(({ name: _, ...conflict }) => conflict);
}

/** The same with the names of the users. */
export async function listNamedConflicts(db: Queryable, page: Page): Promise<NamedConflict[]> {
  const statements = conflictsOf(db);
  if (!statements) return [];
  const result = await db.query(statements.list, [page.state, page.beforeId ?? null, page.limit]);
  return readRows(row.extend({ name: namedConflict.shape.name }), result.rows);
}

/** Finds a conflict whose user has a row. */
export async function findConflict(db: Queryable, id: number): Promise<ConflictView | undefined> {
  const statements = conflictsOf(db);
  if (!statements) return undefined;
  return readRows(row, (await db.query(statements.find, [id])).rows)[0];
}

/** The newest 50 conflicts of a user, newest first. */
export async function listConflictsOfUser(db: Queryable, clerkId: string): Promise<ConflictView[]> {
  const statements = conflictsOf(db);
  if (!statements) return [];
  return readRows(row, (await db.query(statements.ofUser, [clerkId])).rows);
}

/**
 * Evaluates open conflicts again. A conflict is settled if nothing is left to decide: its user is deleted or has one of
 * the candidates, or no candidate is left. Otherwise reason and candidates follow the present rows. An existing link is
 * never moved. Where a clean link became possible, the reason is `linkable`, and an operator decides. A match through a
 * secondary email, or another spelling, is evaluated by its candidates alone, because the row lacks those addresses.
 */
const evaluate = (
  profile: ProfileTable,
  tables: Tables,
  u = tables.users,
  { stored, table, id, link } = profile,
) => `
with evaluated as materialized (
  select c.id, u.clerk_id, c.reason as old_reason, ${stored.profile.readAll(`c.${stored.candidateIds}`)} as old_candidate_ids,
    case
      when u.deleted_at is not null or own.${id} = any (${stored.profile.readAll(`c.${stored.candidateIds}`)}) then null
      when m.decision is null and c.reason in ('secondary_email', 'similar_email') and cardinality(left_over.ids) > 0
        then c.reason
      when m.decision = 'link' then 'linkable'
      else m.decision
    end as reason,
    case when m.decision is null then left_over.ids else m.candidate_ids end as candidate_ids
  from rollcall.conflicts c
  join (
    select ${selectAs("u", u.id, "id")}, ${selectAs("u", u.clerkId, "clerk_id")}, ${selectAs("u", u.email, "email")}, ${selectAs("u", u.emailVerified, "email_verified")}, ${selectAs("u", u.deletedAt, "deleted_at")},
           '{}'::text[] as secondary_emails, '{}'::text[] as similar_emails
    from ${u.rows} u
  ) u on u.id = ${stored.user.read(`c.${stored.userId}`)}
  left join ${table} own on own.${link} = u.id
  cross join lateral (
    select array(
      select ${stored.profile.typed(`m.${id}`)} from ${table} m where m.${id} = any (${stored.profile.readAll(`c.${stored.candidateIds}`)}) and m.${link} is null
    ) as ids
  ) left_over
  cross join ${matchesOfUser(profile, tables)} m
  where c.state = 'open'
    and ($1::${stored.user.type}[] is null
      or c.${stored.userId} = any ($1)
      or c.${stored.candidateIds} && $2::${stored.profile.type}[]
      or rollcall.fold_email(u.email::text) = any ($3::text[]))
),
changed as (
  update rollcall.conflicts c set
    state         = case when e.reason is null then 'settled' else 'open' end,
    closed_at     = case when e.reason is null then now() end,
    reason        = coalesce(e.reason, c.reason),
    ${stored.candidateIds} = case when e.reason is null then c.${stored.candidateIds} else ${stored.profile.storeAll("e.candidate_ids")} end,
    evaluated_at  = now()
  from evaluated e
  where c.id = e.id and (e.reason, e.candidate_ids) is distinct from (e.old_reason, e.old_candidate_ids)
  returning c.id, e.clerk_id, e.reason, ${selectAs("c", stored.candidateIds, "candidate_ids")}
)
insert into rollcall.events (clerk_id, kind, cause, details)
select clerk_id, case when reason is null then 'conflict_settled' else 'conflict_changed' end, $4,
       jsonb_build_object('conflictId', id, 'reason', reason, 'candidateIds', candidate_ids)
from changed
`;

export type ConflictScope = {
  userIds?: readonly RowKey[];
  /** Profiles that just got a user. */
  candidateIds?: readonly RowKey[];
  /** Folded emails that may have fewer claimants now. */
  foldedEmails?: readonly string[];
};

/** Evaluates the open conflicts that touch `scope`. Without a scope it evaluates all, also those without a user. */
export async function evaluateConflicts(db: Queryable, cause: string, scope?: ConflictScope): Promise<void> {
  const statements = conflictsOf(db);
  // Conflicts are about profiles.
  if (!statements) return;
  if (!scope) await db.query(statements.settleWithoutUser);
  await db.query(statements.evaluate, [
    scope ? (scope.userIds ?? []) : null,
    scope?.candidateIds ?? [],
    scope?.foldedEmails ?? [],
    cause,
  ]);
}
