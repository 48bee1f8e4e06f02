import { clerkUserId } from "@rollcall/contracts";
import type { ClerkUser } from "./user.ts";

type Email = NonNullable<ClerkUser["email_addresses"]>[number];
type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The user of an entry that is as `clerkUser` wants it, else undefined. It says the same as the schema, which a test
 * holds it to, without the forty objects that zod makes for each user: in a sweep those were a fifth of all time, half
 * of it collecting them. Why an entry is refused only the schema says.
 */
export function pickUser(entry: unknown): ClerkUser | undefined {
  if (!isObject(entry)) return undefined;
  const { id, username, first_name, last_name, image_url, primary_email_address_id } = entry;
  const { public_metadata, banned, created_at, updated_at } = entry;
  const texts = isText(username) && isText(first_name) && isText(last_name) && isText(image_url);
  if (!texts || !isText(primary_email_address_id)) return undefined;
  if (!isClerkId(id) || !isTimeMs(created_at) || !isTimeMs(updated_at)) return undefined;
  if (banned != null && typeof banned !== "boolean") return undefined;
  if (public_metadata != null && !isObject(public_metadata)) return undefined;
  const emails = pickEmails(entry["email_addresses"]);
  if (emails === "unexpected") return undefined;
  return {
    id,
    username,
    first_name,
    last_name,
    image_url,
    primary_email_address_id,
    email_addresses: emails,
    public_metadata,
    banned,
    created_at,
    updated_at,
  };
}

function pickEmails(given: unknown): Email[] | null | undefined | "unexpected" {
  if (given == null) return given;
  if (!Array.isArray(given)) return "unexpected";
  const emails: Email[] = [];
  for (const one of given) {
    const email = pickEmail(one);
    if (!email) return "unexpected";
    emails.push(email);
  }
  return emails;
}

function pickEmail(given: unknown): Email | undefined {
  if (!isObject(given)) return undefined;
  const { id, email_address, verification } = given;
  if (typeof id !== "string" || typeof email_address !== "string") return undefined;
  if (verification == null) return { id, email_address, verification };
  if (!isObject(verification) || !isText(verification["status"])) return undefined;
  return { id, email_address, verification: { status: verification["status"] } };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whatever a person may leave empty may be null or missing. */
function isText(value: unknown): value is string | null | undefined {
  return value == null || typeof value === "string";
}

function isClerkId(value: unknown): value is string {
  return clerkUserId.safeParse(value).success;
}

const latestMs = 8_640_000_000_000_000;

function isTimeMs(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= latestMs;
}
