/**
 * The answers of `POST /api/ensure`. The types are written by hand, so that this package ships without another package of
 * Rollcall. A test compares them with the schemas of the api.
 */

/** A key of the app's users: a number for integers, and a text for bigint, uuid and text. */
export type Key = number | string;

/** A row of the app's users. Times are ISO 8601. */
export type User<K extends Key = number> = {
  id: K;
  /** Clerk's id of the user: the `sub` of a session token. */
  clerkId: string;
  email: string | null;
  emailVerified: boolean;
  name: string | null;
  imageUrl: string | null;
  role: string;
  roleSource: string | null;
  tier: string;
  banned: boolean;
  clerkCreatedAt: string | null;
  clerkUpdatedAt: string | null;
  readTicket: number | null;
  deletedAt: string | null;
  createdAt: string;
  updatedAt: string;
};

/** A profile under the default mapping: a row of `public.mentorados`. Times are ISO 8601. */
export type Mentorado = {
  id: number;
  userId: number | null;
  nomeCompleto: string;
  email: string | null;
  fotoUrl: string | null;
  turma: string | null;
  ativo: string;
  metaFaturamento: number;
  metaLeads: number;
  metaProcedimentos: number;
  metaPosts: number;
  metaStories: number;
  linkedAt: string | null;
  createdAt: string;
  updatedAt: string;
};

/**
 * The active organization of a session, with the user's role in it. Name, slug, image and role are null if your tables have no
 * column for them.
 */
export type Organization = {
  /** The key of your row. */
  id: Key;
  /** Clerk's id, `org_…`. */
  clerkOrgId: string;
  name: string | null;
  slug: string | null;
  imageUrl: string | null;
  /** Clerk's role, such as `org:admin`. */
  role: string | null;
};

/** Null for the personal account. Missing while Rollcall's mapping has no organizations. */
export type Active = { organization?: Organization | null | undefined };

/** A property with the profile's name in the mapping; none for an app without profiles, whose name is `never`. */
export type Named<Value, N extends string> = { [Name in N]: Value };

/** User and profile; admins have no profile. */
export type Session<P extends object = Mentorado, K extends Key = number, N extends string = "mentorado"> = {
  user: User<K>;
} & Named<P | null, N>;

/** 200; `stale` while Postgres is away and the api's cache answers. */
export type EnsureReady<
  P extends object = Mentorado,
  K extends Key = number,
  N extends string = "mentorado",
> = Session<P, K, N> & Active & { success: true; created: boolean; stale?: true | undefined };

/** The same of any mapping. The profile is read by its name. */
export type AnyReady = Active & {
  success: true;
  created: boolean;
  stale?: true | undefined;
  user: User<Key>;
  [profile: string]: unknown;
};

/** 202: not yet; repeat the call later. */
export type EnsurePending = { success: false; status: "pending" };

/** Every other status; `message` is for people, `code` for programs. */
export type ErrorBody = { error: { code: string; message: string }; requestId: string };
