import { z } from "zod";

/** viewer: reads. operator: acts on users, dead letters, conflicts and runs. admin: may do everything. */
export const adminRoles = ["viewer", "operator", "admin"] as const;

export const adminRole = z.enum(adminRoles);

export type AdminRole = z.infer<typeof adminRole>;

/** Whether an operator of the role `given` may do what `needed` may. */
export function mayAct(given: AdminRole, needed: AdminRole): boolean {
  return adminRoles.indexOf(given) >= adminRoles.indexOf(needed);
}

/** `POST /admin/login`. No entry can have a longer name or password, so a longer one is not hashed. */
export const loginRequest = z.strictObject({
  name: z.string().min(1).max(64),
  password: z.string().min(1).max(1024),
});

const timestamp = z.iso.datetime({ offset: true });

/** The profiles of the mapping, as far as pages must know them. */
const profileShape = z.object({
  /** The word for a profile, with which its log events begin: `mentorado_creation_failed`. */
  name: z.string(),
  /** The columns that a new profile gets from Clerk. */
  columns: z.array(
    z.object({
      /** In answers about one user. */
      key: z.string(),
      /** In lists and filters: a key of `GET columns`. */
      column: z.string(),
      from: z.enum(["name", "email", "imageUrl", "metadata"]),
    }),
  ),
});

export type ProfileShape = z.infer<typeof profileShape>;

/**
 * The operator behind a request. `csrf` goes into the header `x-csrf-token` of each write. A caller by Basic needs none
 * and has no session: its `csrf` is empty, and its `expiresAt` is null.
 */
export const sessionAnswer = z.object({
  name: z.string(),
  role: adminRole,
  csrf: z.string(),
  /** The end of the session if it is not used again. */
  expiresAt: timestamp.nullable(),
  /** Of the api. */
  version: z.string(),
  /** Null for an app without profiles. */
  profile: profileShape.nullable(),
  /** Whether the mapping has organizations. */
  organizations: z.boolean(),
});

export type SessionAnswer = z.infer<typeof sessionAnswer>;

export const adminSessionView = z.object({
  id: z.number().int(),
  createdAt: timestamp,
  lastSeenAt: timestamp,
  expiresAt: timestamp,
  /** The session of the caller. */
  current: z.boolean(),
});

/** An account and its sessions. */
export const operatorView = z.object({
  name: z.string(),
  role: adminRole,
  /** The variable that declares the account. */
  source: z.enum(["ADMIN_OPERATORS", "ADMIN_PASSWORD"]),
  sessions: z.array(adminSessionView),
});

export type OperatorView = z.infer<typeof operatorView>;
