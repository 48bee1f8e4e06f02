/**
 * Whether a row `u` lacks a profile that give-profiles would make or link.
 *
 * @param create the parameter that says whether profiles are made for everybody
 */
export const lacksProfile = (create: `$${number}`) => `(
  not u.banned and u.role::text <> 'admin'
  and not exists (select from public.mentorados m where m.user_id = u.id)
  and (${create}::boolean or u.email_verified and exists (
    select from public.mentorados m
    where m.user_id is null and m.linked_at is null
      and rollcall.fold_email(m.email::text) = rollcall.fold_email(u.email::text)
  ))
)`;
