import { AppError } from "@rollcall/contracts";
import { type ActiveOrganization, findActiveOrganization, type Pool } from "@rollcall/db";
import { addOrganizationJob, type UserProducer } from "@rollcall/jobs";
import type { CachedOrganization, Pair } from "./organization-cache.ts";
import { beforeDeadline, poll } from "./poll.ts";

type Path = "row" | "queue";

export type MembershipAnswer =
  | { kind: "member"; organization: CachedOrganization; path: Path }
  | { kind: "not_a_member"; path: Path }
  | { kind: "pending" };

/**
 * Makes sure that a member has a row, as ensure does it for users. Rows that say "member" count, because each job about the
 * pair writes them. Rows that say "no member" prove nothing: the user may have joined a moment ago. So Clerk is asked once
 * by a job, and only an absence that was asked for after this call began refuses the caller.
 *
 * - A pair whose membership ended is refused as soon as Clerk lacks it.
 * - A pair that no row knows is refused at the deadline, because Clerk's reads may lag behind its writes.
 */
export async function ensureMembership(
  { pool, queue }: { pool: Pool; queue: UserProducer },
  pair: Pair,
  deadline: number,
): Promise<MembershipAnswer> {
  const read = async (since: string | null) => {
    const found = await beforeDeadline(findActiveOrganization(pool, pair, since), deadline);
    if (!found) throw new AppError("internal", "The mapping has no organizations");
    return found;
  };
  const first = await read(null);
  const known = answerFrom(first, "row");
  if (known) return known;
  const job = { v: 2, kind: "refresh-membership", ...pair, cause: "ensure", eventAtMs: Date.now() } as const;
  await addOrganizationJob(queue, job, Math.max(1, deadline - Date.now()));
  const polled = await poll(deadline, async () => answerFrom(await read(first.readAt), "queue"));
  if (polled) return polled;
  const last = await read(first.readAt);
  return (
    answerFrom(last, "queue") ??
    (last.isAbsent ? { kind: "not_a_member", path: "queue" } : { kind: "pending" })
  );
}

/** The final answer that these rows allow. */
function answerFrom(found: ActiveOrganization, path: Path): MembershipAnswer | undefined {
  const { organization: view, isDeleted, isEnded, isAbsent, serverStart } = found;
  if (view) return { kind: "member", organization: { view, serverStart }, path };
  return isDeleted || (isEnded && isAbsent) ? { kind: "not_a_member", path } : undefined;
}
