import type { ProfileView, SessionView, UserView } from "@rollcall/contracts";
import type { LoginRow, MappedProfile, Mentorado, User } from "@rollcall/db";

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
export function decideAccess(
  row: Omit<LoginRow, "clerkId">,
  { autoCreate }: { autoCreate: boolean },
): Access {
  if (row.isDeleted) return "deleted";
  if (row.isBanned) return "banned";
  return row.hasProfile || row.isAdmin || !autoCreate ? "ready" : "incomplete";
}

/** The same of a user whose rows were read as a whole. */
export function decideSessionAccess(
  { user, mentorado }: SessionView,
  options: { autoCreate: boolean },
): Access {
  const row = {
    isDeleted: user.deletedAt !== null,
    isBanned: user.banned,
    isAdmin: user.role === "admin",
    hasProfile: mentorado !== null,
  };
  return decideAccess(row, options);
}
