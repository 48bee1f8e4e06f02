/**
 * Profiles that a user's email points to, and what that allows. A lateral subquery for a
 * row `u` with id, email, email_verified and secondary_emails (its other verified addresses).
 *
 * `decision` is null when nothing matches; `link` for exactly one candidate (unlinked and never linked) of a
 * verified email that exactly one live user claims; else the reason why only a person may decide.
 */
export const matchesOfUser = `
lateral (
  with matching as (
    select m.id, m.user_id is null as is_free, m.linked_at is null as is_candidate,
           rollcall.fold_email(m.email::text) = rollcall.fold_email(u.email::text) as is_primary
    from public.mentorados m
    -- Free ones, and those that were waiting and that another user has by now.
    where (m.user_id is null or (m.user_id <> u.id and m.linked_at > m.created_at))
      and rollcall.fold_email(m.email::text) <> ''
      and rollcall.fold_email(m.email::text) = any (
        array(select rollcall.fold_email(e) from unnest(array_append(u.secondary_emails, u.email::text)) as e)
      )
  ),
  counted as (
    select
      coalesce(array_agg(id order by id) filter (where is_free and is_primary and is_candidate), '{}')     as candidates,
      coalesce(array_agg(id order by id) filter (where is_free and is_primary and not is_candidate), '{}') as former,
      coalesce(array_agg(id order by id) filter (where is_free and is_primary is not true), '{}')          as secondary,
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
      when cardinality(secondary) > 0 then 'secondary_email'
    end as decision,
    case
      when cardinality(candidates || former) > 0         then candidates || former
      when u.email_verified and cardinality(taken) > 0 then taken
      else secondary
    end as candidate_ids
  from counted
)
`;
