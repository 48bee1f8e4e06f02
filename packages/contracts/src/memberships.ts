import { z } from "zod";
import { rowClerkId } from "./ids.ts";

const membership = z.object({
  /** Such as `org:admin`. Null without a row, and if the mapping names no column for it. */
  role: z.string().nullable(),
  /** False if the app deleted the row. */
  hasRow: z.boolean(),
  /** Clerk lacks the membership, and its end waits for an operator. */
  held: z.boolean(),
  /** Since when, by Clerk. */
  clerkCreatedAt: z.iso.datetime({ offset: true }).nullable(),
});

/** A member of an organization. */
export const organizationMember = membership.extend({
  clerkId: rowClerkId,
  name: z.string().nullable(),
  email: z.string().nullable(),
});

export type OrganizationMember = z.infer<typeof organizationMember>;

/** A membership of a user. */
export const userMembership = membership.extend({
  clerkOrgId: rowClerkId,
  /** The organization's. */
  name: z.string().nullable(),
});

export type UserMembership = z.infer<typeof userMembership>;

/** The memberships of a user in `GET users/:clerkId`, at most 100. */
export const userMemberships = z.object({ items: z.array(userMembership), more: z.boolean() });

export type UserMemberships = z.infer<typeof userMemberships>;
