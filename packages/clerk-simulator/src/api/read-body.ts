import { z } from "zod";
import type { ClerkUser } from "../users/clerk-user.ts";
import type { UserInput, UserPatch } from "../users/user-input.ts";
import { invalidParameter } from "./api-error.ts";

const metadata = z.record(z.string(), z.unknown());
const text = z.string().nullable().optional();

const updateSchema = z.object({
  first_name: text,
  last_name: text,
  username: text,
  external_id: text,
  primary_email_address_id: text,
  public_metadata: metadata.optional(),
  private_metadata: metadata.optional(),
  unsafe_metadata: metadata.optional(),
});

const createSchema = updateSchema.omit({ primary_email_address_id: true }).extend({
  email_address: z.array(z.string()).optional(),
  banned: z.boolean().optional(),
  /** RFC 3339. */
  created_at: z.string().nullable().optional(),
});

const metadataSchema = updateSchema.pick({
  public_metadata: true,
  private_metadata: true,
  unsafe_metadata: true,
});

/** The body of `POST /v1/users`, with the fields that the simulator supports. Throws a 422. */
export function readCreateBody(body: unknown): UserInput {
  const { email_address, created_at, banned, ...fields } = parseBody(createSchema, body);
  return {
    ...patchOf(fields),
    ...(email_address === undefined ? {} : { emails: email_address }),
    ...(banned === undefined ? {} : { banned }),
    ...(created_at == null ? {} : { createdAtMs: readTime("created_at", created_at) }),
  };
}

/** The body of `PATCH /v1/users/:id`. Throws a 422. */
export function readUpdateBody(body: unknown): UserPatch {
  return patchOf(parseBody(updateSchema, body));
}

/** The body of `PATCH /v1/users/:id/metadata`, merged into the user's metadata; null removes a key. Throws a 422. */
export function readMetadataBody(body: unknown, user: ClerkUser): UserPatch {
  const given = parseBody(metadataSchema, body);
  return {
    publicMetadata: merge(user.public_metadata, given.public_metadata),
    privateMetadata: merge(user.private_metadata, given.private_metadata),
    unsafeMetadata: merge(user.unsafe_metadata, given.unsafe_metadata),
  };
}

/** Throws a 422. */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw invalidParameter(String(issue?.path[0] ?? "body"), issue?.message ?? "The body is not valid");
}

function patchOf(fields: z.infer<typeof updateSchema>): UserPatch {
  return {
    firstName: fields.first_name,
    lastName: fields.last_name,
    // A blank user name removes the user name.
    username: fields.username === "" ? null : fields.username,
    externalId: fields.external_id,
    primaryEmailAddressId: fields.primary_email_address_id,
    publicMetadata: fields.public_metadata,
    privateMetadata: fields.private_metadata,
    unsafeMetadata: fields.unsafe_metadata,
  };
}

function merge(own: Record<string, unknown> | null, given: Record<string, unknown> | undefined) {
  const merged: Record<string, unknown> = { ...own };
  for (const [key, value] of Object.entries(given ?? {})) {
    if (value === null) delete merged[key];
    else if (isObject(value) && isObject(merged[key])) merged[key] = merge(merged[key], value);
    else merged[key] = value;
  }
  return merged;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function readTime(name: string, value: string): number {
  const timeMs = Date.parse(value);
  if (Number.isNaN(timeMs)) throw invalidParameter(name, `${name} must be an RFC 3339 time`);
  return timeMs;
}
