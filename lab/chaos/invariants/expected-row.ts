import type { ClerkUser } from "@rollcall/clerk-simulator";
import type { UserRow } from "./recorder.ts";

/**
 * What a user's row should say, written from the rules and sharing nothing with the code under test. Nobody
 * here has odd letters in a name: those are the property test's matter.
 */
export function expectedRow(user: ClerkUser): Partial<UserRow> {
  const primary = user.email_addresses.find(({ id }) => id === user.primary_email_address_id);
  return {
    email: primary?.email_address ?? null,
    email_verified: primary?.verification?.status === "verified",
    name: `${user.first_name} ${user.last_name}`,
    image_url: user.image_url,
    role: user.public_metadata["role"] === "admin" ? "admin" : "user",
    banned: user.banned,
    clerk_created_at: user.created_at,
    clerk_updated_at: user.updated_at,
  };
}

/** The columns in which a row is not as expected. */
export function findDifferences(row: UserRow, expected: Partial<UserRow>): string[] {
  return Object.entries(expected)
    .filter(([column, value]) => Reflect.get(row, column) !== value)
    .map(([column]) => column);
}
