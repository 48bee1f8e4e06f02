import type { Queryable } from "../pool.ts";

/**
 * The profile outlives its link, since people's work hangs on it; it keeps `linked_at` and so is no candidate. One
 * that the app linked by itself has none and gets it here. Whose it was is kept for an erasure.
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

/** Takes the users' profiles from them. Run it inside a transaction that holds the users' rows. */
export async function unlinkProfiles(db: Queryable, clerkIds: readonly string[]): Promise<void> {
  await db.query(unlink, [clerkIds]);
}
