import type { ProfileView, SessionView, UserView } from "@rollcall/contracts";
import type { MappedProfile, Mentorado, User } from "@rollcall/db";

/** The rows as API answers show them: instants are ISO text. */
export function toSessionView(rows: {
  user: User;
  mentorado: Mentorado | MappedProfile | null;
}): SessionView {
  return { user: toUserView(rows.user), mentorado: rows.mentorado && toProfileView(rows.mentorado) };
}

function toUserView(user: User): UserView {
  return {
    ...user,
    clerkCreatedAt: toIso(user.clerkCreatedAt),
    clerkUpdatedAt: toIso(user.clerkUpdatedAt),
    deletedAt: toIso(user.deletedAt),
    createdAt: user.createdAt.toISOString(),
    updatedAt: user.updatedAt.toISOString(),
  };
}

/** A profile as answers show it. */
export function toProfileView(profile: Mentorado | MappedProfile): ProfileView {
  const linkedAt = toIso(profile.linkedAt);
  if ("columns" in profile) {
    const { id, userId, columns } = profile;
    return { ...columns, id, userId, linkedAt };
  }
  return {
    ...profile,
    linkedAt,
    createdAt: profile.createdAt.toISOString(),
    updatedAt: profile.updatedAt.toISOString(),
  };
}

function toIso(instant: Date | null): string | null {
  return instant?.toISOString() ?? null;
}

/** What a user's rows allow at a login. */
export type Access = "ready" | "banned" | "deleted" | "incomplete";

/** `incomplete`: the profile is missing. Admins need no profile, and no user does while auto-create is off. */
export function decideAccess(session: SessionView, options: { autoCreate: boolean }): Access {
  if (session.user.deletedAt !== null) return "deleted";
  if (session.user.banned) return "banned";
  const needsProfile = options.autoCreate && session.user.role !== "admin";
  return session.mentorado !== null || !needsProfile ? "ready" : "incomplete";
}
