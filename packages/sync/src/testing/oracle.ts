import type { ClerkSimulator } from "@rollcall/clerk-simulator";

export type ClerkUser = Awaited<ReturnType<ClerkSimulator["users"]["get"]>>;

/**
 * The expected row of a user, after rules 2, 3 and 8 of the design. It shares no code with the code under test: shared code
 * would make the same mistake in both.
 */
export function expectedRow(user: ClerkUser) {
  const email = primaryOf(user);
  const address = storable(email?.email_address);
  return {
    email: address,
    email_verified: address !== null && email?.verification?.status === "verified",
    name: expectedName(user, address),
    image_url: storable(user.image_url),
    banned: user.banned === true,
    clerk_created_at: user.created_at,
    clerk_updated_at: user.updated_at,
  };
}

export function expectedRole(user: ClerkUser): "admin" | "user" {
  return metadataOf(user)["role"] === "admin" ? "admin" : "user";
}

export function expectedTurma(user: ClerkUser): string {
  const { turma } = metadataOf(user);
  return typeof turma === "string" && turma.length <= 64 && !/[^a-z0-9_]|^$/.test(turma) ? turma : "neon";
}

/** The form in which emails are compared: without surrounding space, and with A to Z in lower case. */
export function comparable(email: string | null): string {
  const bare = withoutSurroundings(email ?? "");
  return bare.replace(/[A-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 32));
}

function expectedName(user: ClerkUser, email: string | null): string | null {
  const full = `${storable(user.first_name) ?? ""} ${storable(user.last_name) ?? ""}`.trim();
  if (full !== "") return full;
  const local = email?.match(/^(.+)@[^@]*$/s)?.[1];
  return storable(user.username) ?? storable(local);
}

function primaryOf(user: ClerkUser) {
  for (const entry of user.email_addresses ?? []) {
    if (entry.id === user.primary_email_address_id) return entry;
  }
  return undefined;
}

function metadataOf(user: ClerkUser): Record<string, unknown> {
  return user.public_metadata ?? {};
}

/** Replaces each code point that is NUL, or that UTF-8 cannot hold, with the replacement character. */
function storable(value: string | null | undefined): string | null {
  const text = withoutSurroundings(value ?? "");
  if ([...text].every((letter) => blank.test(letter))) return null;
  const points = [...text].map((point) => point.codePointAt(0) ?? 0);
  const kept = points.map((point) => (point === 0 || (point >= 0xd800 && point <= 0xdfff) ? 0xfffd : point));
  return kept.length === 0 ? null : kept.map((point) => String.fromCodePoint(point)).join("");
}

const blank = /^[\p{White_Space}\p{Default_Ignorable_Code_Point}\u2800\u{1D159}]$/u;
const outer =
  /^[\p{White_Space}\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]$/u;

function withoutSurroundings(text: string): string {
  const letters = [...text];
  const first = letters.findIndex((letter) => !outer.test(letter));
  return first < 0
    ? ""
    : letters.slice(first, letters.findLastIndex((letter) => !outer.test(letter)) + 1).join("");
}
