import type { ClerkUser } from "@rollcall/clerk";
import { textOrNull } from "./text.ts";

/** The primary email: the entry that `primary_email_address_id` names, which may be absent. */
export function decideEmail(user: ClerkUser): { email: string | null; verified: boolean } {
  const primaryId = user.primary_email_address_id;
  const primary = primaryId ? user.email_addresses?.find((entry) => entry.id === primaryId) : undefined;
  const email = textOrNull(primary?.email_address);
  return { email, verified: email !== null && primary?.verification?.status === "verified" };
}

/** Verified addresses beside the primary one. A profile that only they match is for a person to judge. */
export function decideSecondaryEmails(user: ClerkUser): string[] {
  const others = user.email_addresses?.filter((entry) => entry.id !== user.primary_email_address_id) ?? [];
  return others.flatMap((entry) =>
    entry.verification?.status === "verified" ? (textOrNull(entry.email_address) ?? []) : [],
  );
}
