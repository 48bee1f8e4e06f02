import type { EventView } from "@rollcall/contracts";
import { z } from "zod";
import type { Pool, Queryable } from "./pool.ts";
import { readRow, readRows } from "./rows.ts";
import { inTransaction } from "./transaction.ts";

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

const recordOne =
  "insert into rollcall.events (clerk_id, kind, cause, ref, details) values ($1, $2, $3, $4, $5)";

/** Adds an event that no write of rows records by itself. */
export async function recordEvent(
  db: Queryable,
  event: {
    clerkId: string;
    kind: string;
    cause: string;
    ref: string | null;
    details?: Readonly<Record<string, string>>;
  },
): Promise<void> {
  const { clerkId, kind, cause, ref, details = {} } = event;
  await db.query(recordOne, [clerkId, kind, cause, ref, JSON.stringify(details)]);
}

/** The end of a job as a dead letter. */
export type DeadLetterEvent = {
  clerkId: string;
  cause: string;
  ref: string | null;
  details: Readonly<Record<string, string | number | null>> & { deadLetterId: string };
};

/** The key of the advisory lock, unique in this code; it spells "dead". */
const deadLetterLockKey = 0x64_65_61_64;

// The index over a user's events finds an event that is there already.
const recordNewLetters = `
insert into rollcall.events (clerk_id, kind, cause, ref, details)
select l.clerk_id, 'dead_letter_added', l.cause, l.ref, l.details
from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[]) as l (clerk_id, cause, ref, details)
where not exists (
  select from rollcall.events e
  where e.clerk_id = l.clerk_id and e.kind = 'dead_letter_added'
    and e.details ->> 'deadLetterId' = l.details ->> 'deadLetterId'
)
`;

/** Records that jobs became dead letters, each letter once: a mover that died is repeated, and several workers move. */
export async function recordDeadLetters(pool: Pool, letters: readonly DeadLetterEvent[]): Promise<void> {
  if (letters.length === 0) return;
  await inTransaction(pool, async (client) => {
    // Only a statement after the lock sees what the worker before has committed.
    await client.query("select pg_advisory_xact_lock($1)", [deadLetterLockKey]);
    await client.query(recordNewLetters, [
      letters.map(({ clerkId }) => clerkId),
      letters.map(({ cause }) => cause),
      letters.map(({ ref }) => ref),
      letters.map(({ details }) => JSON.stringify(details)),
    ]);
  });
}

/** An action of an operator. */
export type AdminEvent = {
  /** Null for an action that concerns no user. */
  clerkId: string | null;
  kind: string;
  /** Codes and ids, and the operator's reason. */
  details: Readonly<Record<string, string | number | boolean | null>>;
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

/** An operator's action on a dead letter or a run. */
export type AdminAction = { of: string; kind: string; by: string | null; at: Date };

const actionRow = z.object({ of: z.string(), kind: z.string(), by: z.string().nullable(), at: z.date() });

// The conditions are those of the partial indexes.
const lastActions = {
  deadLetterId: `
select distinct on (details ->> 'deadLetterId') details ->> 'deadLetterId' as of, kind, ref as "by", at
from rollcall.events
where kind in ('dead_letter_replayed', 'dead_letter_discarded') and details ->> 'deadLetterId' = any ($1::text[])
order by details ->> 'deadLetterId', id desc`,
  runId: `
select distinct on (details ->> 'runId') details ->> 'runId' as of, kind, ref as "by", at
from rollcall.events
where kind in ('reconcile_cancelled', 'deletions_confirmed') and details ->> 'runId' = any ($1::text[])
order by details ->> 'runId', id desc`,
};

/** The last action of an operator on each of these dead letters or runs, as far as the timeline still knows it. */
export async function findLastActions(
  db: Queryable,
  key: keyof typeof lastActions,
  of: readonly string[],
): Promise<AdminAction[]> {
  return readRows(actionRow, (await db.query(lastActions[key], [of])).rows);
}

/** Each pruning is one short statement. */
const eventsPerPruning = 5_000;

const prune = `
with due as (
  select id, at from rollcall.events
  where at < now() - $1 * interval '1 day' and at >= $2
  -- Another worker may prune at the same time.
  order by at limit ${eventsPerPruning} for update skip locked
),
pruned as (
  delete from rollcall.events e using due where e.id = due.id
)
select count(*)::int as pruned, max(at) as "upTo" from due
`;

const prunedRow = z.object({ pruned: z.number(), upTo: z.date().nullable() });

/**
 * Deletes events that are older than `days`, as docs/SECURITY.md names them, at most 5,000 of them.
 *
 * @param after `upTo` of the pruning before. Without it, the index leads through the rows that were just deleted
 * @returns `upTo` is null if it found none
 */
export async function pruneEvents(
  db: Queryable,
  { days = 90, after = null }: { days?: number; after?: Date | null } = {},
): Promise<{ pruned: number; upTo: Date | null }> {
  return readRow(prunedRow, (await db.query(prune, [days, after ?? "-infinity"])).rows);
}
