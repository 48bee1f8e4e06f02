import { clerkUserId } from "@rollcall/contracts";
import { z } from "zod";

const emailAddress = z.object({
  id: z.string(),
  email_address: z.string(),
  verification: z.object({ status: z.string().nullish() }).nullish(),
});

/** Up to the last date of JavaScript. */
const timeMs = z.number().int().nonnegative().max(8_640_000_000_000_000);

/**
 * A user of Clerk's Backend API (version 2026-05-12), reduced to the fields that Rollcall uses. Optional fields may be null
 * or missing. Times are milliseconds since the epoch.
 */
export const clerkUser = z.object({
  id: clerkUserId,
  username: z.string().nullish(),
  first_name: z.string().nullish(),
  last_name: z.string().nullish(),
  image_url: z.string().nullish(),
  primary_email_address_id: z.string().nullish(),
  email_addresses: z.array(emailAddress).nullish(),
  public_metadata: z.record(z.string(), z.unknown()).nullish(),
  banned: z.boolean().nullish(),
  created_at: timeMs,
  updated_at: timeMs,
});

export type ClerkUser = z.infer<typeof clerkUser>;
