import type { ClerkUser } from "@rollcall/clerk";
import type { UserSnapshot } from "@rollcall/db";
import { decideEmail } from "./email.ts";
import { decideIsAdmin } from "./metadata.ts";
import { decideName } from "./name.ts";
import { textOrNull } from "./text.ts";

/** What made us look, for the timeline: a cause, and the delivery or run behind it. */
export type Why = { cause: string; ref: string | null };

/** What `public.users` should hold of a user, read under `readTicket`. */
export function decideSnapshot(user: ClerkUser, readTicket: number, why: Why): UserSnapshot {
  const { email, verified } = decideEmail(user);
  return {
    clerkId: user.id,
    email,
    emailVerified: verified,
    name: decideName(user),
    imageUrl: textOrNull(user.image_url),
    isAdmin: decideIsAdmin(user),
    banned: user.banned ?? false,
    clerkCreatedAtMs: user.created_at,
    clerkUpdatedAtMs: user.updated_at,
    readTicket,
    ...why,
  };
}
