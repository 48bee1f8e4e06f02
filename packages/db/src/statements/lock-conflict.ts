import { AppError } from "@rollcall/contracts";
import { z } from "zod";
import { waitBrieflyForLocks } from "../lock-wait.ts";
import type { Queryable } from "../pool.ts";

/**
 * Rows are locked in the order of the write: user, profiles, conflicts. Each in a statement of its own, so that the
 * next one's snapshot has what the wait was for. FOR UPDATE, since that also keeps away rows that point here: a
 * profile that the app gives the user, or work that it hangs on the profile.
 */
const lockUser = `
select from public.users u
where u.id = (select c.user_id from rollcall.conflicts c where c.id = $1)
for update of u
`;

const lockProfiles = `
select from public.mentorados m
where m.user_id = (select c.user_id from rollcall.conflicts c where c.id = $1) or (m.id = $2 and m.user_id is null)
order by m.id
for update of m
`;

const lockConflict = `
select c.user_id as "userId", c.candidate_ids as "candidateIds", c.state, u.clerk_id as "clerkId",
       u.deleted_at is not null as "isDeleted", own.id as "ownId",
       own.id is not distinct from c.profile_id
         and md5(to_jsonb(own)::text) is not distinct from c.profile_fingerprint as "isUntouched"
from rollcall.conflicts c
left join public.users u on u.id = c.user_id
left join public.mentorados own on own.user_id = u.id
where c.id = $1
for update of c
`;

const row = z.object({
  userId: z.number(),
  candidateIds: z.array(z.number()),
  state: z.string(),
  /** Null when the app deleted the user's row. */
  clerkId: z.string().nullable(),
  isDeleted: z.boolean(),
  ownId: z.number().nullable(),
  isUntouched: z.boolean(),
});

export type OpenConflict = z.infer<typeof row> & { clerkId: string };

/**
 * Locks an open conflict with its user and, when one of them is to be given away, the user's present profile and the
 * candidate. What it says of them holds until the transaction ends.
 *
 * @throws AppError `conflict.unknown` or `conflict.closed`; SQLSTATE 55P03 when somebody keeps a row locked
 */
export async function lockOpenConflict(
  db: Queryable,
  id: number,
  candidateId?: number,
): Promise<OpenConflict> {
  await waitBrieflyForLocks(db);
  await db.query(lockUser, [id]);
  if (candidateId !== undefined) await db.query(lockProfiles, [id, candidateId]);
  const [found] = z.array(row).parse((await db.query(lockConflict, [id])).rows);
  if (!found) throw new AppError("conflict.unknown", "No such conflict");
  const { clerkId, ...conflict } = found;
  if (conflict.state !== "open") throw new AppError("conflict.closed", `The conflict is ${conflict.state}`);
  if (clerkId === null) throw new AppError("conflict.closed", "The conflict's user has no row any more");
  return { ...conflict, clerkId };
}
