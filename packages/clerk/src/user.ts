import { clerkUserId } from "@rollcall/contracts";
import { z } from "zod";
import { readField, readFields } from "./read-fields.ts";

const verification = z.object({ status: z.string().nullish() }).nullish();
const emailAddress = z.object({ id: z.string(), email_address: z.string(), verification });

/** Up to the last date of JavaScript. */
export const timeMs = z.number().int().nonnegative().max(8_640_000_000_000_000);
export const text = z.string().nullish();

const fields = {
  username: text,
  first_name: text,
  last_name: text,
  image_url: text,
  primary_email_address_id: text,
  email_addresses: z.array(emailAddress).nullish(),
  // A mapping may take any of it for columns of a profile. Clerk limits it to 8 KB for each user.
  public_metadata: z.looseObject({ role: z.unknown().optional(), turma: z.unknown().optional() }).nullish(),
  banned: z.boolean().nullish(),
  created_at: timeMs,
  updated_at: timeMs,
};

export type ClerkField = keyof typeof fields;

const wholeUser = z.object({ id: clerkUserId, ...fields });

type WholeUser = z.infer<typeof wholeUser>;

/**
 * A user of Clerk's Backend API (version 2026-05-12), reduced to the fields that Rollcall uses. Optional fields may be null
 * or missing. Times are milliseconds since the epoch.
 */
export type ClerkUser = Omit<WholeUser, "created_at" | "updated_at"> & {
  /** Null if it cannot be read. */
  created_at: number | null;
  updated_at: number | null;
  /** The fields that have an unexpected form. They, or the entries in question, are left out. */
  unreadable?: readonly ClerkField[];
};

/** Reads a user, and leaves out every field that has an unexpected form. @returns undefined without a readable id */
export function readClerkUser(value: unknown): ClerkUser | undefined {
  const whole = wholeUser.safeParse(value);
  if (whole.success) return whole.data;
  const id = clerkUserId.safeParse(readField(value, "id"));
  if (!id.success) return undefined;
  const { values, unreadable } = readFields(fields, value);
  const email_addresses = values.email_addresses ?? readEntries(readField(value, "email_addresses"));
  return { id: id.data, ...values, email_addresses, unreadable };
}

/** The readable addresses of a list. An address whose verification cannot be read is not verified. */
function readEntries(list: unknown): WholeUser["email_addresses"] {
  if (!Array.isArray(list)) return null;
  return list.flatMap((entry: unknown) => {
    const read = emailAddress.safeParse(entry);
    if (read.success) return read.data;
    const bare = emailAddress.omit({ verification: true }).safeParse(entry);
    return bare.success ? { ...bare.data, verification: null } : [];
  });
}
