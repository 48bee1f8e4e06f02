import { type ConflictView, conflictView } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "../pool.ts";

const columns = `
  c.id::int as "id", u.clerk_id as "clerkId", c.user_id as "userId", c.reason, c.candidate_ids as "candidateIds",
  c.profile_id as "profileId", c.state, c.opened_at as "openedAt", c.evaluated_at as "evaluatedAt",
  c.closed_at as "closedAt", c.closed_by as "closedBy"
`;

const instant = z.date().transform((date) => date.toISOString());
const row = conflictView.extend({ openedAt: instant, evaluatedAt: instant, closedAt: instant.nullable() });

/** Conflicts of one state, newest first, `limit` of them from below `beforeId`. */
export async function listConflicts(
  db: Queryable,
  page: { state: string; beforeId: string | undefined; limit: number },
): Promise<ConflictView[]> {
  const result = await db.query(
    `select ${columns} from rollcall.conflicts c join public.users u on u.id = c.user_id
     where c.state = $1 and ($2::bigint is null or c.id < $2::bigint)
     order by c.id desc limit $3`,
    [page.state, page.beforeId ?? null, page.limit],
  );
  return z.array(row).parse(result.rows);
}

/** All conflicts of a user, newest first. */
export async function listConflictsOfUser(db: Queryable, clerkId: string): Promise<ConflictView[]> {
  const result = await db.query(
    `select ${columns} from rollcall.conflicts c join public.users u on u.id = c.user_id
     where u.clerk_id = $1 order by c.id desc limit 50`,
    [clerkId],
  );
  return z.array(row).parse(result.rows);
}
