import { z } from "zod";
import type { Queryable } from "../pool.ts";

/**
 * What became of one user's profile:
 * created; kept (there was one); or not made, because the user is an admin, banned or deleted, or because
 * automatic creation is switched off.
 */
export const profileOutcome = z.enum(["created", "kept", "admin", "banned", "deleted", "not_made"]);

export type ProfileOutcome = z.infer<typeof profileOutcome>;

export type ProfileRequest = {
  clerkId: string;
  /** From Clerk's public metadata; null for the default. */
  turma: string | null;
};

export type ProfileDefaults = {
  nomeCompleto: string;
  turma: string;
  /** false: existing profiles are kept and none is made. */
  create: boolean;
};

/**
 * Second statement of the write, in the same transaction: its snapshot is fresh, so it sees what the first
 * one waited for. It believes only the locked rows, never the snapshot that led here.
 *
 * `on conflict do nothing` is for a profile that the app itself inserts at this moment: then it is kept.
 */
const sql = `
with asked as materialized (
  select u.id, u.clerk_id, u.name, u.email, u.image_url, u.role, u.banned, u.deleted_at, a.turma,
         exists (select from public.mentorados m where m.user_id = u.id) as has_profile
  from unnest($1::text[], $2::text[]) as a (clerk_id, turma)
  join public.users u on u.clerk_id = a.clerk_id
),
created as (
  insert into public.mentorados (user_id, nome_completo, email, foto_url, turma, linked_at)
  select a.id, coalesce(a.name, $3), a.email, a.image_url, coalesce(a.turma, $4), now()
  from asked a
  where $5::boolean and not a.has_profile and a.deleted_at is null and not a.banned and a.role <> 'admin'
  order by a.id
  on conflict (user_id) do nothing
  returning user_id
)
select
  a.clerk_id as "clerkId",
  case
    when a.deleted_at is not null then 'deleted'
    when c.user_id is not null    then 'created'
    when a.has_profile            then 'kept'
    when a.banned                 then 'banned'
    when a.role = 'admin'         then 'admin'
    when $5::boolean              then 'kept'
    else 'not_made'
  end as outcome
from asked a
left join created c on c.user_id = a.id
`;

const row = z.object({ clerkId: z.string(), outcome: profileOutcome });

/** Gives each of the users a profile where one is due. One outcome for each id that has a row. */
export async function giveProfiles(
  db: Queryable,
  requests: readonly ProfileRequest[],
  defaults: ProfileDefaults,
): Promise<Map<string, ProfileOutcome>> {
  const result = await db.query({
    name: "give-profiles",
    text: sql,
    values: [
      requests.map((request) => request.clerkId),
      requests.map((request) => request.turma),
      defaults.nomeCompleto,
      defaults.turma,
      defaults.create,
    ],
  });
  return new Map(
    z
      .array(row)
      .parse(result.rows)
      .map(({ clerkId, outcome }) => [clerkId, outcome]),
  );
}
