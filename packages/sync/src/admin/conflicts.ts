import {
  AppError,
  type ConflictDetail,
  type ConflictResolution,
  type ProfileView,
  type RowKey,
} from "@rollcall/contracts";
import {
  dismissConflict,
  findConflict,
  findProfiles,
  findSession,
  inTransaction,
  linkCandidate,
  type Pool,
  readPresentProfile,
} from "@rollcall/db";
import { toProfileView, toSessionView } from "../ensure/session-view.ts";
import { type ChangeContext, invalidateAfterChange } from "./change-user.ts";

/**
 * What an operator needs to decide a conflict: the rows of both sides, and what each choice does.
 *
 * @throws AppError `conflict.unknown` or `postgres.unavailable`
 */
export async function explainConflict({ pool }: { pool: Pool }, id: number): Promise<ConflictDetail> {
  const conflict = await findConflict(pool, id);
  if (!conflict) throw new AppError("conflict.unknown", "No such conflict");
  const [rows, found, present] = await Promise.all([
    findSession(pool, conflict.clerkId),
    findProfiles(pool, conflict.candidateIds),
    readPresentProfile(pool, id),
  ]);
  const session = rows && toSessionView(rows);
  const candidates = new Map<RowKey, ProfileView>(
    found.map((profile) => [profile.id, toProfileView(profile)]),
  );
  const links = conflict.candidateIds.map((mentoradoId) => ({
    choice: { mentoradoId },
    says: decideEffect(candidates.get(mentoradoId), conflict.userId, present.becomes),
  }));
  const dismissal = { choice: { dismiss: true as const }, says: "dismisses" as const };
  return {
    ...conflict,
    user: session?.user ?? null,
    present: session?.mentorado ?? null,
    candidates: conflict.candidateIds.flatMap((candidate) => candidates.get(candidate) ?? []),
    effects: conflict.state === "open" ? [...links, dismissal] : [],
  };
}

/** As `linkCandidate` does it. */
function decideEffect(
  candidate: ProfileView | undefined,
  userId: RowKey,
  present: "none" | "deleted" | "unlinked",
): ConflictDetail["effects"][number]["says"] {
  if (!candidate) return "gone";
  if (candidate.userId !== null && candidate.userId !== userId) return "taken";
  if (candidate.userId === userId || present === "none") return "links";
  return present === "deleted" ? "links_and_deletes_profile" : "links_and_unlinks_profile";
}

/**
 * Carries out an operator's decision about a conflict, and invalidates the user's cache keys.
 *
 * @param by the operator, for the timeline
 * @throws AppError `conflict.*` or `postgres.unavailable`
 */
export async function resolveConflict(
  context: ChangeContext,
  id: number,
  resolution: ConflictResolution,
  by: string,
): Promise<void> {
  const clerkId = await inTransaction(context.pool, (client) =>
    "dismiss" in resolution
      ? dismissConflict(client, id, by)
      : linkCandidate(client, id, { ...resolution, by }),
  );
  await invalidateAfterChange(context, clerkId);
}
