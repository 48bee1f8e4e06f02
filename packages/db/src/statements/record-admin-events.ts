import type { Queryable } from "../pool.ts";

/** Something that a person of ops did. */
export type AdminEvent = {
  /** Null when it was about nobody. */
  clerkId: string | null;
  kind: string;
  /** Codes and ids, and what the person gave as a reason. */
  details: Readonly<Record<string, string | number | null>>;
};

const record = `
insert into rollcall.events (clerk_id, kind, cause, ref, details)
select clerk_id, kind, 'admin', $1, details
from unnest($2::text[], $3::text[], $4::jsonb[]) as did (clerk_id, kind, details)
`;

/** Writes into the timeline what `by` did. */
export async function recordAdminEvents(
  db: Queryable,
  by: string,
  events: readonly AdminEvent[],
): Promise<void> {
  await db.query(record, [
    by,
    events.map((event) => event.clerkId),
    events.map((event) => event.kind),
    events.map((event) => JSON.stringify(event.details)),
  ]);
}
