import type { AnyProvisioned } from "../rollcall-client.ts";
import { decideRows, type UserRow } from "../rows.ts";
import { type ProvisioningState, signedOut } from "./state-machine.ts";

/** User and profile as a server has read them: Rollcall's answer, or the app's own rows. */
export type InitialSession = {
  user: UserRow;
  /** The active organization. A session without this key is used in any. */
  organization?: { clerkOrgId: string } | null | undefined;
  created?: boolean;
  stale?: boolean;
};

/**
 * The state of a page whose server has read user and profile. The server decided whether this page may be shown, but rows
 * of a banned or deleted user, or rows that prove nothing, are not used: then the page makes its call.
 *
 * @param profile the profile's name; null for an app without profiles
 */
export function readInitialSession(
  session: InitialSession | null | undefined,
  profile: string | null,
): ProvisioningState {
  const userId: unknown = session?.user?.clerkId;
  if (!session || typeof userId !== "string" || userId === "") return signedOut;
  const { kind } = decideRows(session, userId, profile);
  // Admins have no profile.
  if (kind !== "complete" && kind !== "no_profile") return signedOut;
  const { user, organization, created = false, stale = false } = session;
  const organizationId = organization === undefined ? undefined : (organization?.clerkOrgId ?? null);
  const active = organization !== undefined && { organization };
  const named = profile !== null && { [profile]: (session as Record<string, unknown>)[profile] };
  // The types of the rows are a promise of the app, as those of the client are.
  const provisioned = { user, ...named, ...active, created, stale } as unknown as AnyProvisioned;
  return { status: "provisioned", userId, organizationId, call: 0, provisioned, welcome: created };
}
