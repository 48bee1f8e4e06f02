import { z } from "zod";
import type { Queryable } from "../pool.ts";
import { matchesOfUser } from "./matches.ts";

/**
 * What became of one user's profile:
 * created; linked to one that was waiting for them; kept (there was one); or not made, because the user is an
 * admin, banned or deleted, or because automatic creation is switched off.
 */
const profileOutcome = z.enum(["created", "linked", "kept", "admin", "banned", "deleted", "not_made"]);

export type ProfileOutcome = z.infer<typeof profileOutcome>;

export type ProfileRequest = {
  clerkId: string;
  /** From Clerk's public metadata; null for the default. */
  turma: string | null;
  /** Verified addresses beside the primary one. A match with them is for a person to judge. */
  secondaryEmails: readonly string[];
  /** Why we look, for the timeline. */
  cause: string;
  ref: string | null;
};

export type ProfileDefaults = {
  nomeCompleto: string;
  turma: string;
  /** false: existing profiles are kept and linked, and none is made. */
  create: boolean;
};

/**
 * Second statement of the write, in the same transaction: its snapshot is fresh, so it sees what the first
 * one waited for. It believes only the locked rows, never the snapshot that led here.
 *
 * `linked` takes a candidate only while nobody has it: a concurrent claimant who was faster makes the update
 * pass over it, and then there is a fresh profile and a conflict. Its `linked_at` is the clock's time: now() is
 * when the transaction began, which may be before the app made the profile, and then it would not count as one
 * that was waiting. `on conflict do nothing` is for a profile that the app itself inserts at this moment: then
 * it is kept.
 */
const sql = `
with asked as materialized (
  select u.id, u.clerk_id, u.name, u.email, u.email_verified, u.image_url, u.role, u.banned, u.deleted_at,
         u.clerk_created_at, a.turma, a.cause, a.ref,
         array(select jsonb_array_elements_text(a.secondary_emails)) as secondary_emails,
         exists (select from public.mentorados m where m.user_id = u.id) as has_profile
  from unnest($1::text[], $2::text[], $3::jsonb[], $4::text[], $5::text[])
    as a (clerk_id, turma, secondary_emails, cause, ref)
  join public.users u on u.clerk_id = a.clerk_id
),
needy as materialized (
  select u.*, m.decision, m.candidate_ids
  from asked u cross join ${matchesOfUser} m
  where not u.has_profile and u.deleted_at is null and not u.banned and u.role <> 'admin'
),
linked as (
  update public.mentorados m set user_id = n.id, linked_at = clock_timestamp(), updated_at = now()
  from needy n
  where n.decision = 'link' and m.id = n.candidate_ids[1] and m.user_id is null and m.linked_at is null
  returning m.id, m.user_id
),
created as (
  insert into public.mentorados as m (user_id, nome_completo, email, foto_url, turma, linked_at)
  select n.id, coalesce(n.name, $6), n.email, n.image_url, coalesce(n.turma, $7), now()
  from needy n
  where $8::boolean and n.id not in (select user_id from linked)
  order by n.id
  on conflict (user_id) do nothing
  returning m.id, m.user_id, md5(to_jsonb(m)::text) as fingerprint
),
conflicted as (
  insert into rollcall.conflicts as c (user_id, reason, candidate_ids, profile_id, profile_fingerprint)
  select n.id, case n.decision when 'link' then 'lost_to_claimant' else n.decision end, n.candidate_ids,
         created.id, created.fingerprint
  from needy n left join created on created.user_id = n.id
  where n.decision is not null and n.id not in (select user_id from linked)
    -- What a person dismissed stays dismissed until there is something else to decide.
    and not exists (
      select from rollcall.conflicts d
      where d.user_id = n.id and d.state = 'dismissed'
        and d.reason = case n.decision when 'link' then 'lost_to_claimant' else n.decision end
        and d.candidate_ids = n.candidate_ids
    )
  on conflict (user_id) where state = 'open' do update set
    reason = excluded.reason, candidate_ids = excluded.candidate_ids, evaluated_at = now(),
    profile_id = coalesce(c.profile_id, excluded.profile_id),
    profile_fingerprint = coalesce(c.profile_fingerprint, excluded.profile_fingerprint)
  returning c.id, c.user_id, c.reason, c.candidate_ids, c.opened_at = now() as is_new
),
recorded as (
  insert into rollcall.events (clerk_id, kind, cause, ref, details, notification_due_at)
  select n.clerk_id, 'mentorado_created', n.cause, n.ref, jsonb_build_object('mentoradoId', c.id),
         -- Only for people who just signed up: a first backfill must not greet everybody.
         case when n.clerk_created_at > now() - interval '24 hours' then now() end
  from created c join needy n on n.id = c.user_id
  union all
  select n.clerk_id, 'mentorado_linked', n.cause, n.ref, jsonb_build_object('mentoradoId', l.id), null
  from linked l join needy n on n.id = l.user_id
  union all
  select n.clerk_id, 'conflict_opened', n.cause, n.ref,
         jsonb_build_object('conflictId', c.id, 'reason', c.reason, 'candidateIds', c.candidate_ids), null
  from conflicted c join needy n on n.id = c.user_id
  where c.is_new
)
select
  a.id as "userId",
  a.clerk_id as "clerkId",
  l.id as "linkedId",
  exists (select from rollcall.conflicts c where c.user_id = a.id and c.state = 'open') as "hadConflict",
  case
    when a.deleted_at is not null then 'deleted'
    when l.id is not null         then 'linked'
    when c.id is not null         then 'created'
    when a.has_profile            then 'kept'
    when a.banned                 then 'banned'
    when a.role = 'admin'         then 'admin'
    when $8::boolean              then 'kept'
    else 'not_made'
  end as outcome
from asked a
left join linked l on l.user_id = a.id
left join created c on c.user_id = a.id
`;

const row = z.object({
  userId: z.number().int(),
  clerkId: z.string(),
  linkedId: z.number().int().nullable(),
  /** There was an open conflict before: it may have to be judged again. */
  hadConflict: z.boolean(),
  outcome: profileOutcome,
});

export type GivenProfile = z.infer<typeof row>;

/** Gives each of the users a profile where one is due. One row for each id that has a user. */
export async function giveProfiles(
  db: Queryable,
  requests: readonly ProfileRequest[],
  defaults: ProfileDefaults,
): Promise<GivenProfile[]> {
  const column = <T>(read: (request: ProfileRequest) => T) => requests.map(read);
  const result = await db.query({
    name: "give-profiles",
    text: sql,
    values: [
      column((request) => request.clerkId),
      column((request) => request.turma),
      column((request) => JSON.stringify(request.secondaryEmails)),
      column((request) => request.cause),
      column((request) => request.ref),
      defaults.nomeCompleto,
      defaults.turma,
      defaults.create,
    ],
  });
  return z.array(row).parse(result.rows);
}
