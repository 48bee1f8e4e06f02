/**
 * Whether the row `u` of users holds anything of a person, or a profile of theirs. One with `deleted_at` may: that
 * column may be the app's own, from before Rollcall, and an app may set it by itself.
 */
export const holdsPerson = `(
  u.email is not null or u.name is not null or u.image_url is not null
  or exists (select from public.mentorados m where m.user_id = u.id)
)`;
