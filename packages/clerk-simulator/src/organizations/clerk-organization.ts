import { type ClerkUser, findEmail } from "../users/clerk-user.ts";

/** An organization as Clerk's Backend API serialises it (API version 2026-05-12). Times are in milliseconds. */
export type ClerkOrganization = {
  object: "organization";
  id: string;
  name: string;
  slug: string;
  image_url: string;
  has_image: boolean;
  /** Only in answers to requests that ask for it, and in events. */
  members_count?: number;
  max_allowed_memberships: number;
  admin_delete_enabled: boolean;
  public_metadata: Record<string, unknown>;
  private_metadata: Record<string, unknown>;
  created_by?: string | undefined;
  created_at: number;
  updated_at: number;
};

export type ClerkMembership = {
  object: "organization_membership";
  id: string;
  role: string;
  role_name: string;
  permissions: string[];
  public_metadata: Record<string, unknown>;
  private_metadata: Record<string, unknown>;
  organization: ClerkOrganization;
  public_user_data: PublicUserData;
  created_at: number;
  updated_at: number;
};

type PublicUserData = {
  user_id: string;
  first_name: string | null;
  last_name: string | null;
  profile_image_url: string;
  image_url: string;
  has_image: boolean;
  identifier: string | null;
  username: string | null;
  banned: boolean;
};

/** The part of a user that every member may see. */
export function publicUserData(user: ClerkUser, userId: string): PublicUserData {
  return {
    user_id: userId,
    first_name: user.first_name,
    last_name: user.last_name,
    profile_image_url: user.image_url,
    image_url: user.image_url,
    has_image: user.has_image,
    identifier: findEmail(user) ?? user.username,
    username: user.username,
    banned: user.banned,
  };
}

const permissionsByRole: Record<string, string[]> = {
  "org:admin": [
    "org:sys_profile:manage",
    "org:sys_profile:delete",
    "org:sys_memberships:read",
    "org:sys_memberships:manage",
    "org:sys_domains:read",
    "org:sys_domains:manage",
  ],
  "org:member": ["org:sys_memberships:read"],
};

/** Custom roles have no permissions here. */
export function permissionsOf(role: string): string[] {
  return permissionsByRole[role] ?? [];
}

/** `org:team_lead` is shown as "Team lead". */
export function nameOfRole(role: string): string {
  const name = role.replace(/^org:/, "").replaceAll("_", " ");
  return name.charAt(0).toUpperCase() + name.slice(1);
}
