import { z } from "zod";
import { columnValue } from "./columns.ts";
import { clerkOrganizationId, clerkUserId, rowKey } from "./ids.ts";

/** The optional body of `POST /api/ensure`. The user id comes from the token. */
export const ensureBody = z.strictObject({ userId: clerkUserId.optional() });

/**
 * Why a session token is refused with 401 `unauthenticated`. The caller never learns the reason. Operators find it as
 * `unauthenticated.<reason>` in `rollcall_ensure_total` and as `reason` in the log.
 */
export const sessionRefusals = [
  /** No `Authorization: Bearer` header. */
  "missing",
  /** No JWT, or one without `exp`, `iat` or a Clerk user id. */
  "malformed",
  /** Not RS256. */
  "algorithm",
  /** Signed by none of the keys in CLERK_JWT_KEY. */
  "signature",
  "expired",
  /** `iat` or `nbf` is in the future. */
  "not_yet_valid",
  /** `iss` is not CLERK_ISSUER. */
  "issuer",
  /** No `sid`: the token of a JWT template. */
  "no_sid",
  /** `azp` is not in CLERK_AUTHORIZED_PARTIES. */
  "azp",
  /** `sts` has a value that this version does not know. */
  "sts",
] as const;

export type SessionRefusalReason = (typeof sessionRefusals)[number];

const timestamp = z.iso.datetime({ offset: true });

/** A row of `public.users` as callers see it. */
export const userView = z.object({
  id: rowKey,
  clerkId: clerkUserId,
  email: z.string().nullable(),
  emailVerified: z.boolean(),
  name: z.string().nullable(),
  imageUrl: z.string().nullable(),
  role: z.string(),
  roleSource: z.string().nullable(),
  tier: z.string(),
  banned: z.boolean(),
  clerkCreatedAt: timestamp.nullable(),
  clerkUpdatedAt: timestamp.nullable(),
  readTicket: z.number().int().nullable(),
  deletedAt: timestamp.nullable(),
  createdAt: timestamp,
  updatedAt: timestamp,
});

export type UserView = z.infer<typeof userView>;

/** A row of `public.mentorados` as callers see it. */
export const mentoradoView = z.object({
  id: z.number().int(),
  userId: z.number().int().nullable(),
  nomeCompleto: z.string(),
  email: z.string().nullable(),
  fotoUrl: z.string().nullable(),
  turma: z.string().nullable(),
  ativo: z.string(),
  metaFaturamento: z.number().int(),
  metaLeads: z.number().int(),
  metaProcedimentos: z.number().int(),
  metaPosts: z.number().int(),
  metaStories: z.number().int(),
  linkedAt: timestamp.nullable(),
  createdAt: timestamp,
  updatedAt: timestamp,
});

export type MentoradoView = z.infer<typeof mentoradoView>;

/** A profile of another table: its key, the key of its user, and the columns that the mapping fills. */
export const mappedProfileView = z
  .object({ id: rowKey, userId: rowKey.nullable(), linkedAt: timestamp.nullable() })
  .catchall(columnValue);

export const profileView = z.union([mentoradoView, mappedProfileView]);

export type ProfileView = z.infer<typeof profileView>;

/**
 * The active organization of a session, and the caller's role in it. Name, slug, image and role are null where the mapping
 * names no column for them.
 */
export const organizationView = z.object({
  /** The key of the organization's row. */
  id: rowKey,
  clerkOrgId: clerkOrganizationId,
  name: z.string().nullable(),
  slug: z.string().nullable(),
  imageUrl: z.string().nullable(),
  /** Clerk's role of the member, such as `org:admin`. */
  role: z.string().nullable(),
});

export type OrganizationView = z.infer<typeof organizationView>;

/** User and profile together, as a login needs them and the session cache holds them. */
export const sessionView = z.object({ user: userView, mentorado: profileView.nullable() });

/** The same for the default mapping's profile, and for that of another mapping. */
export const defaultSessionView = sessionView.extend({ mentorado: mentoradoView.nullable() });
export const mappedSessionView = sessionView.extend({ mentorado: mappedProfileView.nullable() });

export type SessionView = z.infer<typeof sessionView>;

/**
 * 200 of `POST /api/ensure` under the default mapping. Another mapping has its own key of the users, and the profile under
 * its name. `stale`: Postgres is away and the cache answered.
 */
export const ensureReady = defaultSessionView.extend({
  user: userView.extend({ id: z.number().int() }),
  success: z.literal(true),
  created: z.boolean(),
  stale: z.literal(true).optional(),
  /** Null if the token names no organization. The key is missing while the mapping has no organizations. */
  organization: organizationView.nullable().optional(),
});

export type EnsureReady = z.infer<typeof ensureReady>;

/** 202 of `POST /api/ensure`, with `Retry-After: 1`. */
export const ensurePending = z.object({ success: z.literal(false), status: z.literal("pending") });

export type EnsurePending = z.infer<typeof ensurePending>;
