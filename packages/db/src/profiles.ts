import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRows } from "./rows.ts";
import { perTables, type Tables } from "./tables.ts";

/** An array of emails in the form that `fold` makes comparable. */
const foldAll = (fold: "fold_email" | "near_email", emails: string) =>
  `array(select rollcall.${fold}(e) from unnest(${emails}) as e)`;

/**
 * The profiles that a user's email points to, and what that allows. This is a lateral subquery for a row `u` with id,
 * email, email_verified, secondary_emails (its other verified addresses) and similar_emails (other spellings of email).
 *
 * `decision` is null if nothing matches. It is `link` for exactly one unclaimed profile (without a user, now and
 * before) of a verified email that exactly one live user claims. Otherwise it is the reason why an operator decides.
 */
export const matchesOfUser = `
lateral (
  with near as (
    select m.id, m.user_id is null as is_free, m.linked_at is null as is_candidate,
           rollcall.fold_email(m.email::text) = rollcall.fold_email(u.email::text) as is_primary,
           rollcall.fold_email(m.email::text) = any (${foldAll("fold_email", "u.secondary_emails")}) as is_secondary,
           rollcall.near_email(m.email::text) = any (
             ${foldAll("near_email", "array_append(u.similar_emails, u.email::text)")}
           ) as is_similar
    from public.mentorados m
    -- Profiles without a user, and once unclaimed profiles that another user has by now.
    where (m.user_id is null or (m.user_id <> u.id and m.linked_at > m.created_at))
      and rollcall.near_email(m.email::text) <> ''
      and rollcall.near_email(m.email::text) = any (
        ${foldAll("near_email", "array_append(u.secondary_emails || u.similar_emails, u.email::text)")}
      )
  ),
  matching as (
    select * from near where is_primary or is_secondary or is_similar
  ),
  counted as (
    select
      coalesce(array_agg(id order by id) filter (where is_free and is_primary and is_candidate), '{}')     as candidates,
      coalesce(array_agg(id order by id) filter (where is_free and is_primary and not is_candidate), '{}') as former,
      coalesce(array_agg(id order by id) filter (where is_free and is_primary is not true and is_similar), '{}') as similar_ids,
      coalesce(array_agg(id order by id) filter (where is_free and is_primary is not true and is_secondary), '{}') as secondary,
      coalesce(array_agg(id order by id) filter (where not is_free and is_primary), '{}')                  as taken
    from matching
  )
  select
    case
      when not u.email_verified and cardinality(candidates || former) > 0 then 'unverified_email'
      when cardinality(candidates) > 1 then 'several_candidates'
      when cardinality(candidates) = 1 and (
        select count(*) from public.users c
        where c.deleted_at is null and c.email_verified
          and rollcall.fold_email(c.email::text) = rollcall.fold_email(u.email::text)
      ) > 1 then 'several_claimants'
      when cardinality(candidates) = 1 then 'link'
      when cardinality(former) > 0 then 'former_profile'
      when u.email_verified and cardinality(taken) > 0 then 'lost_to_claimant'
      when cardinality(similar_ids) > 0 then 'similar_email'
      when cardinality(secondary) > 0 then 'secondary_email'
    end as decision,
    case
      when cardinality(candidates || former) > 0         then candidates || former
      when u.email_verified and cardinality(taken) > 0 then taken
      when cardinality(similar_ids) > 0                then similar_ids
      else secondary
    end as candidate_ids
  from counted
)
`;

/**
 * Whether giveProfiles would make or link a profile for a row `u`.
 *
 * @param create the parameter that says whether profiles are made for all users
 */
export const lacksProfile = ({ profile }: Tables, create: `$${number}`) =>
  profile ? lacksMentorado(create) : `(${create}::boolean and false)`;

const lacksMentorado = (create: `$${number}`) => `(
  not u.banned and u.role::text <> 'admin'
  and not exists (select from public.mentorados m where m.user_id = u.id)
  and (${create}::boolean or u.email_verified and exists (
    select from public.mentorados m
    where m.user_id is null and m.linked_at is null
      -- The index has the near form, which equal emails share.
      and rollcall.near_email(m.email::text) = rollcall.near_email(u.email::text)
      and rollcall.fold_email(m.email::text) = rollcall.fold_email(u.email::text)
  ))
)`;

/**
 * The outcome for one user's profile: created; linked (an unclaimed profile); kept (the user had one); or none, because
 * the user is an admin, banned or deleted, or because automatic creation is off.
 */
const profileOutcome = z.enum(["created", "linked", "kept", "admin", "banned", "deleted", "not_made"]);

export type ProfileOutcome = z.infer<typeof profileOutcome>;

export type ProfileRequest = {
  clerkId: string;
  /** From Clerk's public metadata; null for the default. */
  turma: string | null;
  /** Verified addresses besides the primary one. An operator decides about a match with them. */
  secondaryEmails: readonly string[];
  /** Other spellings of the primary address. An operator decides about a match with them. */
  similarEmails?: readonly string[];
  /** The origin of the sync job, for the timeline. */
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
 * Second statement of the write, in the same transaction. Its snapshot is fresh, so it sees what the first statement
 * waited for. It reads only the locked rows and never the input of the first statement.
 *
 * `linked` takes an unclaimed profile only while it has no user. If a concurrent claimant was faster, the update skips
 * it, and the user gets a fresh profile and a conflict. `linked_at` is the clock's time. now() is the start of the
 * transaction, possibly before the app made the profile, and matches would not count it as once unclaimed. `on conflict
 * do nothing` is for a profile that the app inserts at this moment: it is kept.
 */
const give = `
with requested as materialized (
  select u.id, u.clerk_id, u.name, u.email, u.email_verified, u.image_url, u.role, u.banned, u.deleted_at,
         u.clerk_created_at, a.turma, a.cause, a.ref,
         array(select jsonb_array_elements_text(a.secondary_emails)) as secondary_emails,
         array(select jsonb_array_elements_text(a.similar_emails)) as similar_emails,
         exists (select from public.mentorados m where m.user_id = u.id) as has_profile
  from unnest($1::text[], $2::text[], $3::jsonb[], $4::text[], $5::text[], $9::jsonb[])
    as a (clerk_id, turma, secondary_emails, cause, ref, similar_emails)
  join public.users u on u.clerk_id = a.clerk_id
),
due as materialized (
  select u.*, m.decision, m.candidate_ids
  from requested u cross join ${matchesOfUser} m
  where not u.has_profile and u.deleted_at is null and not u.banned and u.role <> 'admin'
),
linked as (
  update public.mentorados m set user_id = n.id, linked_at = clock_timestamp(), updated_at = now()
  from due n
  where n.decision = 'link' and m.id = n.candidate_ids[1] and m.user_id is null and m.linked_at is null
  returning m.id, m.user_id
),
created as (
  insert into public.mentorados as m (user_id, nome_completo, email, foto_url, turma, linked_at)
  select n.id, coalesce(n.name, $6), n.email, n.image_url, coalesce(n.turma, $7), now()
  from due n
  where $8::boolean and n.id not in (select user_id from linked)
  order by n.id
  on conflict (user_id) do nothing
  returning m.id, m.user_id, m as profile
),
conflicted as (
  insert into rollcall.conflicts as c (user_id, reason, candidate_ids, profile_id, profile_fingerprint)
  select n.id, case n.decision when 'link' then 'lost_to_claimant' else n.decision end, n.candidate_ids,
         created.id, md5(to_jsonb(created.profile)::text)
  from due n left join created on created.user_id = n.id
  where n.decision is not null and n.id not in (select user_id from linked)
    -- A dismissed conflict stays dismissed until reason or candidates change.
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
  select n.clerk_id, case when c.id is null then 'mentorado_linked' else 'mentorado_created' end, n.cause, n.ref,
         jsonb_build_object('mentoradoId', coalesce(c.id, l.id)),
         -- Only for recent sign-ups: a first backfill must not notify the app of every user.
         case when c.id is not null and n.clerk_created_at > now() - interval '24 hours' then now() end
  -- The kept plan expects one row of each. It would compare each of 500 users with each of 500 profiles if it could run
  -- this join as nested loops, which no full join is.
  from due n full join created c on c.user_id = n.id full join linked l on l.user_id = n.id
  where coalesce(c.id, l.id) is not null
  union all
  select n.clerk_id, 'conflict_opened', n.cause, n.ref,
         jsonb_build_object('conflictId', c.id, 'reason', c.reason, 'candidateIds', c.candidate_ids), null
  from conflicted c join due n on n.id = c.user_id
  where c.is_new
)
select
  a.id as "userId",
  -- The cast keeps the prepared statement usable when the app changes the column to another type of text.
  a.clerk_id::text as "clerkId",
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
from requested a
left join linked l on l.user_id = a.id
left join created c on c.user_id = a.id
`;

/** Without profiles, the answer of the second statement is the state of each row. */
const describeUsers = perTables(
  ({ users: u }) => `
select u.${u.clerkId}::text as "clerkId",
  case
    when u.${u.deletedAt} is not null   then 'deleted'
    when u.${u.banned}                  then 'banned'
    when u.${u.role}::text = 'admin' then 'admin'
    else 'not_made'
  end as outcome
from ${u.table} u where u.${u.clerkId} = any ($1::text[])
`,
);

const describedRow = z.object({ clerkId: z.string(), outcome: profileOutcome });

const givenRow = z.object({
  userId: z.number().int(),
  clerkId: z.string(),
  linkedId: z.number().int().nullable(),
  /** There was an open conflict before, which must be evaluated again. */
  hadConflict: z.boolean(),
  outcome: profileOutcome,
});

/** Without profiles, a row has its outcome alone. */
export type GivenProfile = z.infer<typeof describedRow> & Partial<z.infer<typeof givenRow>>;

/** Gives each of the users a profile where one is due. @returns one row for each id that has a user */
export async function giveProfiles(
  db: Queryable,
  requests: readonly ProfileRequest[],
  defaults: ProfileDefaults,
): Promise<GivenProfile[]> {
  if (!db.tables.profile) {
    const described = await db.query(describeUsers(db), [requests.map(({ clerkId }) => clerkId)]);
    return readRows(describedRow, described.rows);
  }
  const column = <T>(read: (request: ProfileRequest) => T) => requests.map(read);
  const result = await db.query({
    name: "give-profiles",
    text: give,
    values: [
      column((request) => request.clerkId),
      column((request) => request.turma),
      column((request) => toJsonList(request.secondaryEmails)),
      column((request) => request.cause),
      column((request) => request.ref),
      defaults.nomeCompleto,
      defaults.turma,
      defaults.create,
      column((request) => toJsonList(request.similarEmails)),
    ],
  });
  return readRows(givenRow, result.rows);
}

/** Null for most users, which saves both sides the work of a text. */
function toJsonList(emails: readonly string[] = []): string | null {
  return emails.length === 0 ? null : JSON.stringify(emails);
}

/**
 * The profile outlives its link, because the app's data refers to it. It keeps `linked_at`, so it is never unclaimed
 * again. A profile that the app linked by itself may have no `linked_at` and gets one here. former_profiles keeps the
 * last user, for an erasure.
 */
const unlink = `
with unlinked as (
  update public.mentorados m set
    user_id = null, linked_at = coalesce(m.linked_at, m.created_at), ativo = 'nao', updated_at = now()
  from public.users u
  where u.clerk_id = any ($1::text[]) and m.user_id = u.id
  returning m.id, u.clerk_id
)
insert into rollcall.former_profiles (mentorado_id, clerk_id)
select id, clerk_id from unlinked
on conflict (mentorado_id) do update set clerk_id = excluded.clerk_id, unlinked_at = now()
`;

/** Unlinks the users' profiles. Run it inside a transaction that holds the locks of the users' rows. */
export async function unlinkProfiles(db: Queryable, clerkIds: readonly string[]): Promise<void> {
  if (db.tables.profile) await db.query(unlink, [clerkIds]);
}
