import { clerkOrganizationId, clerkUserId, storableText } from "@rollcall/contracts";
import { z } from "zod";
import { readField, readFields } from "./read-fields.ts";
import { text as anyText, timeMs } from "./user.ts";

const text = anyText.transform((value) => (value == null ? value : storableText(value)));

const organizationFields = {
  name: text,
  // Null or missing while an instance has slugs switched off.
  slug: text,
  image_url: text,
  // Missing unless the request asks for it.
  members_count: z.number().int().nonnegative().nullish(),
  created_at: timeMs,
  updated_at: timeMs,
};

const membershipFields = {
  role: z.string().min(1).transform(storableText),
  created_at: timeMs,
  updated_at: timeMs,
};

export type OrganizationField = keyof typeof organizationFields;
export type MembershipField = keyof typeof membershipFields;

const wholeOrganization = z.object({ id: clerkOrganizationId, ...organizationFields });

const membershipId = z.string().regex(/^orgmem_[A-Za-z0-9_-]{1,128}$/);
const membershipIds = z.object({
  id: membershipId,
  organization: z.object({ id: clerkOrganizationId }),
  public_user_data: z.object({ user_id: clerkUserId }),
});

/**
 * An organization of Clerk's Backend API (version 2026-05-12), reduced to the fields that Rollcall uses. Times are
 * milliseconds since the epoch, and null if they cannot be read.
 */
export type ClerkOrganization = Omit<z.infer<typeof wholeOrganization>, "created_at" | "updated_at"> & {
  created_at: number | null;
  updated_at: number | null;
  /** The fields that have an unexpected form. They are left out. */
  unreadable?: readonly OrganizationField[];
};

/** The organization and the user of a membership. There is at most one membership of a pair at a time. */
export type MembershipPair = { clerkOrgId: string; clerkId: string };

/** A membership of Clerk's Backend API, reduced like an organization. */
export type ClerkMembership = MembershipPair & {
  /** `orgmem_…`. A user who leaves and comes back gets another one. */
  id: string;
  /** Such as `org:admin`. Null if it cannot be read. */
  role: string | null;
  created_at: number | null;
  updated_at: number | null;
  /** The fields that have an unexpected form. They are left out. */
  unreadable?: readonly MembershipField[];
};

/** Reads an organization, and leaves out each field of an unexpected form. @returns undefined without a readable id */
export function readClerkOrganization(value: unknown): ClerkOrganization | undefined {
  const whole = wholeOrganization.safeParse(value);
  if (whole.success) return whole.data;
  const id = clerkOrganizationId.safeParse(readField(value, "id"));
  if (!id.success) return undefined;
  const { values, unreadable } = readFields(organizationFields, value);
  return { id: id.data, ...values, unreadable };
}

/** Reads a membership like an organization. @returns undefined unless its id, organization and user can be read */
export function readClerkMembership(value: unknown): ClerkMembership | undefined {
  const ids = membershipIds.safeParse(value);
  if (!ids.success) return undefined;
  const { values, unreadable } = readFields(membershipFields, value);
  return {
    id: ids.data.id,
    clerkOrgId: ids.data.organization.id,
    clerkId: ids.data.public_user_data.user_id,
    ...values,
    ...(unreadable.length > 0 ? { unreadable } : {}),
  };
}
