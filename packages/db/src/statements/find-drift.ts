import { z } from "zod";
import type { Queryable } from "../pool.ts";
import { lacksProfile } from "./lacks-profile.ts";
import { roleFollowsClerk } from "./role-follows-clerk.ts";
import { listColumns, snapshotRows, type UserSnapshot } from "./user-snapshot.ts";

/**
 * How rows differ from what Clerk says. missing_row: nobody made it. older_row: it says something else, or
 * something older. missing_profile: a profile is due and not there. released: a deletion of theirs is held,
 * though Clerk has them.
 */
const driftKind = z.enum(["missing_row", "older_row", "missing_profile", "released"]);

export type DriftKind = z.infer<typeof driftKind>;

/**
 * A row differs when the write would change more than its read ticket; the conditions are those of
 * apply-snapshots. A profile is due where give-profiles would make one or link one.
 */
const sql = `
with judged as (
  select s.clerk_id,
    case
      when u.id is null then 'missing_row'
      when u.deleted_at is not null then null
      when (s.clerk_updated_at, s.read_ticket) > (coalesce(u.clerk_updated_at, '-infinity'), coalesce(u.read_ticket, 0))
        and (
          (u.email::text, u.email_verified, u.name::text, u.image_url::text, u.banned, u.clerk_created_at, u.clerk_updated_at)
            is distinct from
          (s.email, s.email_verified, s.name, s.image_url, s.banned, s.clerk_created_at, s.clerk_updated_at)
          or (${roleFollowsClerk}
            and u.role::text <> case when s.is_admin then 'admin' else 'user' end)
        ) then 'older_row'
      when ${lacksProfile("$11")} then 'missing_profile'
      when exists (select from rollcall.held_deletions h where h.clerk_id = s.clerk_id) then 'released'
    end as kind
  from ${snapshotRows}
  left join public.users u on u.clerk_id = s.clerk_id
)
select clerk_id as "clerkId", kind from judged where kind is not null
`;

const row = z.object({ clerkId: z.string(), kind: driftKind });

/** Which of the users differ from their rows, and how. @param create whether profiles are made for everybody */
export async function findDrift(
  db: Queryable,
  snapshots: readonly UserSnapshot[],
  create: boolean,
): Promise<Map<string, DriftKind>> {
  const result = await db.query({
    name: "find-drift",
    text: sql,
    values: [...listColumns(snapshots), create],
  });
  return new Map(
    z
      .array(row)
      .parse(result.rows)
      .map(({ clerkId, kind }) => [clerkId, kind]),
  );
}
