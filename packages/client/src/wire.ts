/**
 * The answers of `POST /api/ensure`. The types are written by hand, so that this package ships without another package of
 * Rollcall. A test compares them with the schemas of the api.
 */

/** A row of `public.users`. Times are ISO 8601. */
export type User = {
  id: number;
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

/** A row of `public.mentorados`. Times are ISO 8601. */
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

/** User and profile; admins have no profile. */
export type Session = { user: User; mentorado: Mentorado | null };

/** 200; `stale` while Postgres is away and the api's cache answers. */
export type EnsureReady = Session & { success: true; created: boolean; stale?: true | undefined };

/** 202: not yet; repeat the call later. */
export type EnsurePending = { success: false; status: "pending" };

/** Every other status; `message` is for people, `code` for programs. */
export type ErrorBody = { error: { code: string; message: string }; requestId: string };
