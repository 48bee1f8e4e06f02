import { z } from "zod";
import type {
  MembershipInput,
  OrganizationInput,
  OrganizationPatch,
} from "../organizations/organizations.ts";
import { invalidParameter } from "./api-error.ts";
import { parseBody, readTime } from "./read-body.ts";

const metadata = z.record(z.string(), z.unknown()).nullish();
const name = z.string().min(1).max(256);
const slug = z.string().regex(/^[a-z0-9-]+$/);
const count = z.number().int().nonnegative();

const createSchema = z.object({
  name,
  created_by: z.string().nullish(),
  public_metadata: metadata,
  private_metadata: metadata,
  slug: slug.nullish(),
  max_allowed_memberships: count.nullish(),
  created_at: z.string().nullish(),
});

/** Since version 2026-05-12, metadata has requests of its own. */
const updateSchema = z.strictObject({
  name: name.nullish(),
  slug: slug.nullish(),
  max_allowed_memberships: count.nullish(),
  admin_delete_enabled: z.boolean().nullish(),
  created_at: z.string().nullish(),
});

const role = z.string().regex(/^org:[a-z0-9_]+$/);
const membershipSchema = z.object({
  user_id: z.string(),
  role,
  public_metadata: metadata,
  private_metadata: metadata,
});

/** The body of `POST /v1/organizations`. Throws a 422. */
export function readOrganizationBody(body: unknown): OrganizationInput {
  const given = parseBody(createSchema, body);
  return {
    name: given.name,
    createdBy: given.created_by ?? undefined,
    publicMetadata: given.public_metadata ?? undefined,
    privateMetadata: given.private_metadata ?? undefined,
    slug: given.slug ?? undefined,
    maxAllowedMemberships: given.max_allowed_memberships ?? undefined,
    createdAtMs: given.created_at == null ? undefined : readTime("created_at", given.created_at),
  };
}

/** The body of `PATCH /v1/organizations/:id`. Throws a 422. */
export function readOrganizationPatch(body: unknown): OrganizationPatch {
  const given = parseBody(updateSchema, body);
  return {
    name: given.name ?? undefined,
    slug: given.slug ?? undefined,
    maxAllowedMemberships: given.max_allowed_memberships ?? undefined,
    adminDeleteEnabled: given.admin_delete_enabled ?? undefined,
    createdAtMs: given.created_at == null ? undefined : readTime("created_at", given.created_at),
  };
}

/** The body of `POST /v1/organizations/:id/memberships`. Throws a 422. */
export function readMembershipBody(body: unknown): { userId: string; input: MembershipInput } {
  const given = parseBody(membershipSchema, body);
  const { user_id: userId, role, public_metadata, private_metadata } = given;
  const input = {
    role,
    publicMetadata: public_metadata ?? undefined,
    privateMetadata: private_metadata ?? undefined,
  };
  return { userId, input };
}

/** The body of `PATCH /v1/organizations/:id/memberships/:user`. Throws a 422. */
export function readRoleBody(body: unknown): { role: string } {
  return parseBody(z.object({ role }), body);
}

/** 422 for a slug of another organization. */
export function slugTaken() {
  return invalidParameter("slug", "That slug is taken. Please try another.", "form_identifier_exists");
}
