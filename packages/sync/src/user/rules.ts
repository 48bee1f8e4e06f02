import { domainToASCII, domainToUnicode } from "node:url";
import type { ClerkField, ClerkUser } from "@rollcall/clerk";
import { storableText } from "@rollcall/contracts";
import {
  type MetadataSource,
  type ProfileValue,
  type Tables,
  trimText,
  type UnreadColumn,
  type UserSnapshot,
} from "@rollcall/db";

/** The origin of a change, for the timeline: its cause, and the delivery or run behind it. */
export type ChangeOrigin = { cause: string; ref: string | null };

/** One user as the write needs it. */
export type UserWrite = {
  snapshot: UserSnapshot;
  /** Of public metadata, for the columns of a new profile that take one; null for the column's default. */
  metadata: readonly ProfileValue[];
  secondaryEmails: readonly string[];
  /** The primary address with its domain in the other form, Unicode or punycode. */
  similarEmails?: readonly string[];
};

/** The write that makes a user's rows equal to `snapshot`, which was decided from `user`. */
export function decideWrite(
  user: ClerkUser,
  snapshot: UserSnapshot,
  { profile }: Pick<Tables, "profile">,
): UserWrite {
  const secondaryEmails = decideSecondaryEmails(user);
  return {
    snapshot,
    metadata: (profile?.metadata ?? []).map((source) => decideMetadata(user, source)),
    secondaryEmails,
    similarEmails: decideSimilarEmails(snapshot.email),
  };
}

/** The content of a user's row in `public.users`, as Clerk described the user under `readSequence`. */
export function decideSnapshot(user: ClerkUser, readSequence: number, origin: ChangeOrigin): UserSnapshot {
  const { email, verified } = decideEmail(user);
  const snapshot: UserSnapshot = {
    clerkId: user.id,
    email,
    emailVerified: verified,
    name: decideName(user),
    imageUrl: textOrNull(user.image_url),
    isAdmin: decideIsAdmin(user),
    banned: user.banned ?? false,
    clerkCreatedAtMs: user.created_at,
    clerkUpdatedAtMs: user.updated_at,
    readTicket: readSequence,
    cause: origin.cause,
    ref: origin.ref,
    ignoresRole: decideIgnoresRole(user),
  };
  if (user.unreadable !== undefined) snapshot.unread = decideUnread(user, user.unreadable);
  return snapshot;
}

/** The columns that unreadable fields leave undecided. An existing row keeps its values there. */
function decideUnread(user: ClerkUser, unreadable: readonly ClerkField[]): UnreadColumn[] {
  const isUnread = (...fields: ClerkField[]) => fields.some((field) => unreadable.includes(field));
  // The primary address may be the entry that could not be read.
  const lacksEmail = isUnread("primary_email_address_id", "email_addresses") && !findPrimaryEmail(user);
  const lacksFullName = readFullName(user) === "";
  const lacksName =
    isUnread("first_name", "last_name") ||
    (lacksFullName && isUnread("username")) ||
    (lacksFullName && !textOrNull(user.username) && lacksEmail);
  return [
    ...(lacksEmail ? (["email", "email_verified"] as const) : []),
    ...(lacksName ? (["name"] as const) : []),
    ...(isUnread("image_url") ? (["image_url"] as const) : []),
    ...(isUnread("banned") ? (["banned"] as const) : []),
    ...(isUnread("created_at") ? (["clerk_created_at"] as const) : []),
    ...(isUnread("public_metadata") ? (["role"] as const) : []),
  ];
}

/** First and last name, else the username, else the email's local part, else null. */
export function decideName(user: ClerkUser): string | null {
  return readFullName(user) || (textOrNull(user.username) ?? localPart(decideEmail(user).email));
}

function readFullName(user: ClerkUser): string {
  const [first, last] = [textOrNull(user.first_name), textOrNull(user.last_name)];
  return first !== null && last !== null ? `${first} ${last}` : (first ?? last ?? "");
}

function localPart(email: string | null): string | null {
  const at = email?.lastIndexOf("@") ?? -1;
  return at > 0 ? textOrNull(email?.slice(0, at)) : null;
}

/** The primary email: the entry that `primary_email_address_id` names, which may be absent. */
export function decideEmail(user: ClerkUser): { email: string | null; verified: boolean } {
  const primary = findPrimaryEmail(user);
  const email = textOrNull(primary?.email_address);
  return { email, verified: email !== null && primary?.verification?.status === "verified" };
}

function findPrimaryEmail(user: ClerkUser) {
  const primaryId = user.primary_email_address_id;
  return primaryId ? user.email_addresses?.find((entry) => entry.id === primaryId) : undefined;
}

/** Verified addresses beside the primary one. A profile that matches only these needs a person's decision. */
function decideSecondaryEmails(user: ClerkUser): string[] {
  const others = user.email_addresses?.filter((entry) => entry.id !== user.primary_email_address_id) ?? [];
  return others.flatMap((entry) =>
    entry.verification?.status === "verified" ? (textOrNull(entry.email_address) ?? []) : [],
  );
}

/** Most domains: ASCII and no punycode. Labels end with one that begins with a letter, because a number is an IPv4 address. */
const plainDomain = /^(?!.*xn--)(?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*$/i;

/** Other spellings of an address: an international domain may be written in Unicode or in punycode. */
export function decideSimilarEmails(email: string | null): string[] {
  const at = email?.lastIndexOf("@") ?? -1;
  if (email === null || at < 0) return [];
  const [local, domain] = [email.slice(0, at + 1), email.slice(at + 1)];
  // The conversions take longer than all other rules together.
  if (plainDomain.test(domain)) return [];
  const others = [domainToASCII(domain), domainToUnicode(domain)].filter(
    (other) => other !== "" && other !== domain.toLowerCase(),
  );
  return [...new Set(others)].map((other) => storableText(local + other));
}

/** Only the exact word makes an admin: other values in public metadata must not. */
export function decideIsAdmin(user: ClerkUser): boolean {
  return user.public_metadata?.role === "admin";
}

/**
 * Whether public metadata has a role that may be meant as `admin` and is not the exact word: another case, spaces, a part
 * of a longer word, or no text at all. Other words are roles of the app.
 */
export function decideIgnoresRole(user: ClerkUser): boolean {
  const role = user.public_metadata?.role;
  if (role === undefined || role === null || role === "admin") return false;
  return typeof role !== "string" || role.normalize("NFKC").toLowerCase().includes("admin");
}

const slug = /^[a-z0-9_]{1,64}$/;

/**
 * The value of public metadata for a column of a new profile; null, for the default, unless it is one of the allowed
 * values. Without such a list it must have the type of the column's default, and a text must be a slug.
 */
export function decideMetadata(user: ClerkUser, source: MetadataSource): ProfileValue {
  const value = readMetadata(user, source);
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return null;
  if (source.allowed) return source.allowed.includes(String(value)) ? value : null;
  if (typeof value !== typeof (source.default ?? "")) return null;
  return typeof value !== "string" || slug.test(value) ? value : null;
}

/** What public metadata has at the place of a source; any JSON. */
export function readMetadata(user: ClerkUser, { path }: MetadataSource): unknown {
  return path.reduce(readOwn, user.public_metadata);
}

function readOwn(container: unknown, name: string): unknown {
  const isRecord = typeof container === "object" && container !== null && Object.hasOwn(container, name);
  return isRecord ? (container as Record<string, unknown>)[name] : undefined;
}

// Default_Ignorable_Code_Point has the zero-width characters and most blank letters, such as the Hangul filler.
const visible = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\u2800\u{1D159}]/u;

/** Most texts: ASCII that can be seen, with spaces inside alone. */
const plain = /^[!-~](?:[ -~]*[!-~])?$/;

/** The text without surrounding space, or null when nothing that can be seen is left. */
function textOrNull(value: string | null | undefined): string | null {
  if (value && plain.test(value)) return value;
  const text = trimText(value ?? "");
  return visible.test(text) ? storableText(text) : null;
}
