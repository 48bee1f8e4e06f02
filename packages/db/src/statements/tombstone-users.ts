import type { Queryable } from "../pool.ts";

/** Erases the person from the row, and makes one for a user never seen, so that a late read cannot bring it. */
const buryUsers = `
insert into public.users as u (clerk_id, deleted_at)
select id, now() from unnest($1::text[]) as id
order by id collate "C"
on conflict (clerk_id) do update set
  deleted_at     = now(),
  email          = null,
  email_verified = false,
  name           = null,
  image_url      = null,
  updated_at     = now()
where u.deleted_at is null
returning u.clerk_id as "clerkId"
`;

/** The profile outlives its user, since people's work hangs on it; it keeps `linked_at` and so is no candidate. */
const unlinkProfiles = `
update public.mentorados m set user_id = null, ativo = 'nao', updated_at = now()
from public.users u
where u.clerk_id = any($1::text[]) and u.deleted_at is not null and m.user_id = u.id
`;

/**
 * Marks users as deleted for good. Run it inside a transaction. Ids must be distinct.
 *
 * @returns the ids that were alive or unknown before; the others were tombstones already.
 */
export async function tombstoneUsers(db: Queryable, clerkIds: readonly string[]): Promise<Set<string>> {
  const buried = await db.query<{ clerkId: string }>(buryUsers, [clerkIds]);
  await db.query(unlinkProfiles, [clerkIds]);
  return new Set(buried.rows.map((row) => row.clerkId));
}
