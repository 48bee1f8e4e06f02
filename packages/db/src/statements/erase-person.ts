import { AppError } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "../pool.ts";
import { holdsPerson } from "./holds-person.ts";

const lockUser = `
select u.id, u.deleted_at is not null and not ${holdsPerson} as "isTombstone"
from public.users u where u.clerk_id = $1 for update
`;

const userRow = z.object({ id: z.number(), isTombstone: z.boolean() });

// What belongs to somebody now is theirs, whoever had it before.
const lockProfiles = `
select m.id, f.clerk_id is not null as "wasTheirs"
from public.mentorados m
left join rollcall.former_profiles f on f.mentorado_id = m.id and f.clerk_id = $1
where m.user_id is null and (
  f.clerk_id is not null
  or m.id in (select unnest(c.candidate_ids) from rollcall.conflicts c where c.user_id = $2)
)
order by m.id
for update of m
`;

const profileRow = z.object({ id: z.number(), wasTheirs: z.boolean() });

const eraseProfiles = `
update public.mentorados set nome_completo = $2, email = null, foto_url = null, updated_at = now()
where id = any ($1::integer[])
`;

/** The column must have a value, and people's work hangs on the row. */
const erasedName = "Removed";

/** A reason is what a person typed, and a fingerprint was made of a name and an address. */
const eraseTraces = `
with told as (
  update rollcall.events set details = details - 'reason' where clerk_id = $1 and details ? 'reason'
)
update rollcall.conflicts set profile_fingerprint = null where user_id = $2
`;

export type Erasure = {
  /** Profiles whose name, email and photo are gone. */
  erased: number[];
  /** Profiles that were theirs and were left as they are. */
  kept: number[];
  /** Profiles that nobody has and that once matched them, maybe about somebody else: left as they are. */
  candidates: number[];
};

/**
 * Erases what is left of a deleted user: of the profiles that were theirs the name, email and photo, and what people
 * typed about them. Run it inside a transaction.
 *
 * @param wish which candidates are about them too; and whether their profiles stay as they are
 * @throws AppError `user.unknown`, `user.not_deleted`, or `request.malformed` for a profile that is no candidate
 */
export async function erasePerson(
  db: Queryable,
  clerkId: string,
  wish: { candidates: readonly number[]; keepProfile: boolean },
): Promise<Erasure> {
  const [user] = z.array(userRow).parse((await db.query(lockUser, [clerkId])).rows);
  if (!user) throw new AppError("user.unknown", "No row has this Clerk id");
  if (!user.isTombstone)
    throw new AppError("user.not_deleted", "The user's row is no tombstone, which holds nobody");
  const profiles = z.array(profileRow).parse((await db.query(lockProfiles, [clerkId, user.id])).rows);
  const theirs = profiles.flatMap(({ id, wasTheirs }) => (wasTheirs ? [id] : []));
  const candidates = profiles.flatMap(({ id, wasTheirs }) => (wasTheirs ? [] : [id]));
  const stranger = wish.candidates.find((id) => !candidates.includes(id));
  if (stranger !== undefined) {
    const hint = `mentorado ${stranger} has a user, or never matched this one`;
    throw new AppError("request.malformed", "The profile is no candidate", { hint });
  }
  const erased = [...(wish.keepProfile ? [] : theirs), ...wish.candidates];
  await db.query(eraseProfiles, [erased, erasedName]);
  await db.query(eraseTraces, [clerkId, user.id]);
  return {
    erased,
    kept: wish.keepProfile ? theirs : [],
    candidates: candidates.filter((id) => !wish.candidates.includes(id)),
  };
}
