import type { EventView } from "@rollcall/contracts";
import { z } from "zod";
import type { Queryable } from "./pool.ts";
import { readRows } from "./rows.ts";

const eventRow = z.object({
  id: z.coerce.number(),
  at: z.date().transform((date) => date.toISOString()),
  kind: z.string(),
  cause: z.string(),
  ref: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
});

/** The timeline of a user, newest event first. */
export async function listEventsOfUser(db: Queryable, clerkId: string, limit: number): Promise<EventView[]> {
  const result = await db.query(
    "select id, at, kind, cause, ref, details from rollcall.events where clerk_id = $1 order by id desc limit $2",
    [clerkId, limit],
  );
  return readRows(eventRow, result.rows);
}

const recordOne = "insert into rollcall.events (clerk_id, kind, cause, ref) values ($1, $2, $3, $4)";

/** Adds an event that no write of rows records by itself. */
export async function recordEvent(
  db: Queryable,
  event: { clerkId: string; kind: string; cause: string; ref: string | null },
): Promise<void> {
  await db.query(recordOne, [event.clerkId, event.kind, event.cause, event.ref]);
}

/** An action of an operator. */
export type AdminEvent = {
  /** Null for an action that concerns no user. */
  clerkId: string | null;
  kind: string;
  /** Codes and ids, and the operator's reason. */
  details: Readonly<Record<string, string | number | null>>;
};

const record = `
insert into rollcall.events (clerk_id, kind, cause, ref, details)
select clerk_id, kind, 'admin', $1, details
from unnest($2::text[], $3::text[], $4::jsonb[]) as did (clerk_id, kind, details)
`;

/** Records the actions of the operator `by` in the timeline. */
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

/** Deletes events that are older than `days`, at most 5,000 at a time. @returns the number of deleted events */
export async function pruneEvents(db: Queryable, days: number): Promise<number> {
  const result = await db.query(
    `delete from rollcall.events where id in (
       select id from rollcall.events
       where at < now() - $1 * interval '1 day'
       order by at limit 5000
     )`,
    [days],
  );
  return result.rowCount ?? 0;
}
