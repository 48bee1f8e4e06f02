import type { ClerkUser } from "@rollcall/clerk-simulator";
import type { Tables as TableNames } from "@rollcall/db";
import type { UserRow } from "./recorder.ts";

/**
 * The row that a user should have. Fields without a column are null. It is written from the rules, and shares no code with the product. No name here holds
 * odd characters; `lab/convergence` tests those.
 */
export function expectedRow(user: ClerkUser, { users: u }: TableNames): Partial<UserRow> {
  const primary = user.email_addresses.find(({ id }) => id === user.primary_email_address_id);
  return {
    email: primary?.email_address ?? null,
    email_verified: primary?.verification?.status === "verified",
    name: u.name === undefined ? null : `${user.first_name} ${user.last_name}`,
    image_url: u.imageUrl === undefined ? null : user.image_url,
    role: user.public_metadata["role"] === "admin" ? "admin" : "user",
    banned: user.banned,
    clerk_created_at: user.created_at,
    clerk_updated_at: user.updated_at,
  };
}

/** The columns in which a row differs. */
export function findDifferences(row: UserRow, expected: Partial<UserRow>): string[] {
  return Object.entries(expected)
    .filter(([column, value]) => Reflect.get(row, column) !== value)
    .map(([column]) => column);
}
