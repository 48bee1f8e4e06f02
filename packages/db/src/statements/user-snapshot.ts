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

/**
 * Snapshots as rows `s`, of the ten parameters that `listColumns` gives. Times come as milliseconds: what JavaScript
 * needs to write a date is more than all else that it does with a user here. The product is exact, as are whole
 * microseconds below 2^53.
 */
export const snapshotRows = `(
    select
      clerk_id, email, email_verified, name, image_url, is_admin, banned,
      timestamptz 'epoch' + clerk_created_at_ms * interval '1 millisecond' as clerk_created_at,
      timestamptz 'epoch' + clerk_updated_at_ms * interval '1 millisecond' as clerk_updated_at,
      read_ticket
    from unnest(
      $1::text[], $2::text[], $3::boolean[], $4::text[], $5::text[], $6::boolean[], $7::boolean[],
      $8::bigint[], $9::bigint[], $10::bigint[]
    ) as given (
      clerk_id, email, email_verified, name, image_url, is_admin, banned,
      clerk_created_at_ms, clerk_updated_at_ms, read_ticket
    )
  ) s`;

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
    column((s) => s.clerkCreatedAtMs),
    column((s) => s.clerkUpdatedAtMs),
    column((s) => s.readTicket),
  ];
}
