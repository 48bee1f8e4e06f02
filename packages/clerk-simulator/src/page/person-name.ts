import { addressesOf, type ClerkUser } from "../clerk-user.ts";

/** What to call somebody on the page and in the terminal. */
export function nameOf(user: ClerkUser): string {
  const full = [user.first_name, user.last_name].filter(Boolean).join(" ");
  return full || user.username || findEmail(user) || user.id;
}

export function findEmail(user: ClerkUser): string | null {
  const primary = addressesOf(user).find((email) => email.id === user.primary_email_address_id);
  return primary?.email_address ?? null;
}
