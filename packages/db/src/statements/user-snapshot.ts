/** A user as Clerk described it at one moment, reduced to what `public.users` holds. */
export type UserSnapshot = {
  clerkId: string;
  email: string | null;
  emailVerified: boolean;
  name: string | null;
  imageUrl: string | null;
  isAdmin: boolean;
  banned: boolean;
  /** Milliseconds since the epoch, as Clerk counts. */
  clerkCreatedAtMs: number;
  clerkUpdatedAtMs: number;
  readTicket: number;
  /** Why we looked, for the timeline. */
  cause: string;
  ref: string | null;
};

/** Snapshots as rows `s`, of the ten parameters that `listColumns` gives. */
export const snapshotRows = `unnest(
    $1::text[], $2::text[], $3::boolean[], $4::text[], $5::text[], $6::boolean[], $7::boolean[],
    $8::timestamptz[], $9::timestamptz[], $10::bigint[]
  ) as s (
    clerk_id, email, email_verified, name, image_url, is_admin, banned,
    clerk_created_at, clerk_updated_at, read_ticket
  )`;

/** An array for each column: one statement takes any number of users. */
export function listColumns(snapshots: readonly UserSnapshot[]): unknown[][] {
  const column = <T>(read: (snapshot: UserSnapshot) => T) => snapshots.map(read);
  return [
    column((s) => s.clerkId),
    column((s) => s.email),
    column((s) => s.emailVerified),
    column((s) => s.name),
    column((s) => s.imageUrl),
    column((s) => s.isAdmin),
    column((s) => s.banned),
    // Text, not a number of seconds: floating point would lose the milliseconds that order depends on.
    column((s) => new Date(s.clerkCreatedAtMs).toISOString()),
    column((s) => new Date(s.clerkUpdatedAtMs).toISOString()),
    column((s) => s.readTicket),
  ];
}
