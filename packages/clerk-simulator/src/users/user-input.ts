import { z } from "zod";
import { addressesOf, type ClerkUser, type ClerkVerification, emailAddress } from "./clerk-user.ts";

const metadata = z.record(z.string(), z.unknown());
const timeMs = z.number().int().nonnegative();

const emailInput = z.union([
  z.string(),
  z.object({
    id: z.string().optional(),
    address: z.string(),
    status: z.enum(["unverified", "verified", "expired"]).optional(),
  }),
]);

/** The fields of a user that a test may set; a missing field keeps its value. */
export const userPatchSchema = z.object({
  /** Shorthand for one verified primary address; null: no address. */
  email: z.string().nullable().optional(),
  /** All addresses, verified by default; the first becomes primary. */
  emails: z.array(emailInput).optional(),
  primaryEmailAddressId: z.string().nullable().optional(),
  firstName: z.string().nullable().optional(),
  lastName: z.string().nullable().optional(),
  username: z.string().nullable().optional(),
  imageUrl: z.string().optional(),
  externalId: z.string().nullable().optional(),
  publicMetadata: metadata.optional(),
  privateMetadata: metadata.optional(),
  unsafeMetadata: metadata.optional(),
  banned: z.boolean().optional(),
  locked: z.boolean().optional(),
  lastSignInAtMs: timeMs.nullable().optional(),
  lastActiveAtMs: timeMs.nullable().optional(),
  /** Merged unchecked into the serialised user, for values that Clerk never sends. */
  raw: metadata.optional(),
});

export const userInputSchema = userPatchSchema.extend({
  /** An id that was never used before. */
  id: z.string().optional(),
  createdAtMs: timeMs.optional(),
});

export type UserPatch = z.input<typeof userPatchSchema>;
export type UserInput = z.input<typeof userInputSchema>;

/** Applies a patch and returns the new user; `newEmailId` makes the ids of new addresses. */
export function applyPatch(
  user: ClerkUser,
  patch: UserPatch,
  nowMs: number,
  newEmailId: () => string,
): ClerkUser {
  const emails =
    patch.emails ?? (patch.email === undefined ? undefined : patch.email === null ? [] : [patch.email]);
  const next: ClerkUser = { ...user };
  if (emails !== undefined) {
    next.email_addresses = emails.map((entry) => asEmailAddress(user, entry, nowMs, newEmailId));
    next.primary_email_address_id = next.email_addresses[0]?.id ?? null;
  }
  if (patch.imageUrl !== undefined) next.has_image = true;
  return Object.assign(next, definedFields(patch), patch.raw);
}

type EmailInput = z.input<typeof emailInput>;

function asEmailAddress(user: ClerkUser, entry: EmailInput, nowMs: number, newEmailId: () => string) {
  const wanted: {
    id?: string | undefined;
    address: string;
    status?: ClerkVerification["status"] | undefined;
  } = typeof entry === "string" ? { address: entry } : entry;
  const known = addressesOf(user).find((email) => email.email_address === wanted.address);
  const id = wanted.id ?? known?.id ?? newEmailId();
  return emailAddress(id, wanted.address, wanted.status ?? "verified", known?.created_at ?? nowMs);
}

const clerkNames = {
  primaryEmailAddressId: "primary_email_address_id",
  firstName: "first_name",
  lastName: "last_name",
  username: "username",
  imageUrl: "image_url",
  externalId: "external_id",
  publicMetadata: "public_metadata",
  privateMetadata: "private_metadata",
  unsafeMetadata: "unsafe_metadata",
  banned: "banned",
  locked: "locked",
  lastSignInAtMs: "last_sign_in_at",
  lastActiveAtMs: "last_active_at",
} as const satisfies Partial<Record<keyof UserPatch, keyof ClerkUser>>;

function definedFields(patch: UserPatch): Partial<ClerkUser> {
  const pairs = Object.entries(clerkNames).map(([ours, theirs]) => [theirs, patch[ours as keyof UserPatch]]);
  // The schema above types each value; Object.fromEntries loses that type.
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined)) as Partial<ClerkUser>;
}
